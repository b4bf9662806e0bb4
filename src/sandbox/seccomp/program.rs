//! From rules to a program for the kernel.
//!
//! The numbers of system calls are halved at each step, where a list would be walked: the kernel runs the program for
//! every number when it is loaded, once for each step of a build, and for each call whose arguments count.

use std::collections::BTreeMap;

use libc::sock_filter;

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is made.
    Allow,
    /// It is not made, and answers with this error; 0 is success.
    Errno(u16),
    /// The process is killed.
    Kill,
}

impl Verdict {
    const fn code(self) -> u32 {
        match self {
            Self::Allow => libc::SECCOMP_RET_ALLOW,
            Self::Errno(code) => libc::SECCOMP_RET_ERRNO | code as u32,
            Self::Kill => libc::SECCOMP_RET_KILL_PROCESS,
        }
    }
}

/// How an argument is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// It is the value.
    Eq,
    /// It is not the value.
    Ne,
    /// Under this mask, it is the value.
    Masked(u32),
}

/// A condition on the lower half of an argument, 0 to 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    pub arg: u8,
    pub op: Op,
    pub value: u32,
}

/// What becomes of a call when all conditions hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub conditions: Vec<Condition>,
    pub verdict: Verdict,
}

/// What becomes of the calls of one number: the first rule that holds counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    pub rules: Vec<Rule>,
    pub otherwise: Verdict,
}

impl Case {
    /// Whatever the arguments are.
    pub const fn always(verdict: Verdict) -> Self {
        Self {
            rules: Vec::new(),
            otherwise: verdict,
        }
    }
}

/// Calls by their number.
pub type Cases = BTreeMap<u32, Case>;

const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const JUMP: u16 = 0x05;
const EQUAL: u16 = 0x15;
const AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;
/// Where the number, the processor and the arguments stand.
const NUMBER: u32 = 0;
const PROCESSOR: u32 = 4;
const ARGUMENTS: u32 = 16;

const fn step(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// The program; calls in the manner of another processor than `processor` (`AUDIT_ARCH_*`) kill.
pub fn compile(cases: &Cases, otherwise: Verdict, processor: u32) -> Vec<sock_filter> {
    let mut program = vec![
        step(LOAD, PROCESSOR, 0, 0),
        step(EQUAL, processor, 1, 0),
        step(RETURN, Verdict::Kill.code(), 0, 0),
        step(LOAD, NUMBER, 0, 0),
    ];
    program.extend(tree(&spans(cases, otherwise)));
    program
}

/// Runs of numbers with the same case, by their first.
fn spans(cases: &Cases, otherwise: Verdict) -> Vec<(u32, Case)> {
    let mut spans: Vec<(u32, Case)> = vec![(0, Case::always(otherwise))];
    let mut add = |from: u32, case: Case| match spans.last_mut() {
        Some((_, last)) if *last == case => {}
        Some((at, last)) if *at == from => *last = case,
        _ => spans.push((from, case)),
    };
    for (number, case) in cases {
        add(*number, case.clone());
        let after = number.saturating_add(1);
        if !cases.contains_key(&after) {
            add(after, Case::always(otherwise));
        }
    }
    spans
}

fn tree(spans: &[(u32, Case)]) -> Vec<sock_filter> {
    let (lower, upper) = spans.split_at(spans.len() / 2);
    let (Some(_), Some((from, _))) = (lower.first(), upper.first()) else {
        return spans.first().map_or_else(Vec::new, |(_, case)| leaf(case));
    };
    let (below, above) = (tree(lower), tree(upper));
    let mut program = match u8::try_from(below.len()) {
        Ok(length) => vec![step(AT_LEAST, *from, length, 0)],
        // A conditional jump is too short.
        Err(_) => vec![
            step(AT_LEAST, *from, 0, 1),
            step(JUMP, below.len() as u32, 0, 0),
        ],
    };
    program.extend(below);
    program.extend(above);
    program
}

fn leaf(case: &Case) -> Vec<sock_filter> {
    let mut program = Vec::new();
    for rule in &case.rules {
        program.extend(body(rule));
    }
    program.push(step(RETURN, case.otherwise.code(), 0, 0));
    program
}

/// Returns if all conditions hold, and goes past its end if not. A rule is far shorter than a jump reaches.
fn body(rule: &Rule) -> Vec<sock_filter> {
    // From the back, so that each condition knows how far the end is.
    let mut program = vec![step(RETURN, rule.verdict.code(), 0, 0)];
    for condition in rule.conditions.iter().rev() {
        let end = program.len() as u8;
        let (holds, fails) = match condition.op {
            Op::Ne => (end, 0),
            Op::Eq | Op::Masked(_) => (0, end),
        };
        let lower_half = if cfg!(target_endian = "big") { 4 } else { 0 };
        let at = ARGUMENTS + 8 * u32::from(condition.arg) + lower_half;
        let mut one = vec![step(LOAD, at, 0, 0)];
        if let Op::Masked(mask) = condition.op {
            one.push(step(AND, mask, 0, 0));
        }
        one.push(step(EQUAL, condition.value, holds, fails));
        one.extend(program);
        program = one;
    }
    program
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The program as the kernel would run it.
    pub fn run(program: &[sock_filter], processor: u32, number: u32, args: &[u64; 6]) -> u32 {
        let (mut a, mut at) = (0_u32, 0_usize);
        loop {
            let step = program[at];
            at += 1;
            match step.code {
                LOAD => {
                    a = match step.k {
                        NUMBER => number,
                        PROCESSOR => processor,
                        k => (args[(k - ARGUMENTS) as usize / 8] & 0xFFFF_FFFF) as u32,
                    }
                }
                AND => a &= step.k,
                JUMP => at += step.k as usize,
                EQUAL => at += usize::from(if a == step.k { step.jt } else { step.jf }),
                AT_LEAST => at += usize::from(if a >= step.k { step.jt } else { step.jf }),
                RETURN => return step.k,
                other => panic!("{other:#x}"),
            }
        }
    }

    /// What the rules say.
    fn said(cases: &Cases, otherwise: Verdict, number: u32, args: &[u64; 6]) -> u32 {
        let Some(case) = cases.get(&number) else {
            return otherwise.code();
        };
        let holds = |condition: &Condition| {
            let arg = args[usize::from(condition.arg)] as u32;
            match condition.op {
                Op::Eq => arg == condition.value,
                Op::Ne => arg != condition.value,
                Op::Masked(mask) => arg & mask == condition.value,
            }
        };
        let rule = case
            .rules
            .iter()
            .find(|rule| rule.conditions.iter().all(holds));
        rule.map_or(case.otherwise, |rule| rule.verdict).code()
    }

    fn verdict() -> impl Strategy<Value = Verdict> {
        prop_oneof![
            Just(Verdict::Allow),
            Just(Verdict::Errno(1)),
            Just(Verdict::Errno(38))
        ]
    }

    fn rule() -> impl Strategy<Value = Rule> {
        let op = prop_oneof![Just(Op::Eq), Just(Op::Ne), (0..8_u32).prop_map(Op::Masked)];
        let condition =
            (0..6_u8, op, 0..8_u32).prop_map(|(arg, op, value)| Condition { arg, op, value });
        let conditions = proptest::collection::vec(condition, 1..4);
        (conditions, verdict()).prop_map(|(conditions, verdict)| Rule {
            conditions,
            verdict,
        })
    }

    fn case() -> impl Strategy<Value = Case> {
        let rules =
            prop_oneof![3 => Just(Vec::new()), 1 => proptest::collection::vec(rule(), 0..9)];
        (rules, verdict()).prop_map(|(rules, otherwise)| Case { rules, otherwise })
    }

    proptest! {
        #[test]
        fn a_program_says_what_its_rules_say(
            cases in proptest::collection::btree_map(0..400_u32, case(), 0..300),
            otherwise in verdict(),
            args in proptest::array::uniform6(0..8_u64),
        ) {
            let program = compile(&cases, otherwise, 7);
            for number in (0..410).chain([0x4000_0000, u32::MAX]) {
                let answer = run(&program, 7, number, &args);
                prop_assert_eq!(answer, said(&cases, otherwise, number, &args), "{}", number);
            }
            prop_assert_eq!(run(&program, 8, 0, &args), Verdict::Kill.code());
        }
    }
}
