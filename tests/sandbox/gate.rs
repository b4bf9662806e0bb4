//! The network gate: who comes through, who does not, and that each is in the ledger.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flareo::model::SystemClock;
use flareo::model::event::{Cancel, Stream};
use flareo::model::ledger::{Connection, Passage};
use flareo::model::network::{Group, HostName, NetworkPolicy};
use flareo::sandbox::gate::{Keeper, Pass, Patience};
use flareo::sandbox::spec::{Ending, Observer, Outcome, StepUsage};

use super::ground::Ground;

/// A policy that grants two names, and lets them stand on this machine.
fn policy() -> NetworkPolicy {
    let group = Group {
        hosts: ["mirror.example", "*.files.example"]
            .map(|host| host.parse().unwrap())
            .into(),
        reason: "tests".into(),
    };
    NetworkPolicy {
        private_addresses: vec!["127.0.0.0/8".parse().unwrap()],
        groups: [("mirror".to_owned(), group)].into(),
        ..NetworkPolicy::default()
    }
}

fn keeper(policy: &NetworkPolicy) -> Keeper {
    let allowance = policy.allow(&["mirror".to_owned()], "test").unwrap();
    Keeper::new(allowance, Arc::new(SystemClock))
}

/// A keeper for whom every name is at these addresses.
fn keeper_where(policy: &NetworkPolicy, addresses: &[IpAddr]) -> Keeper {
    let addresses = addresses.to_vec();
    keeper(policy).resolver(Arc::new(move |_: &HostName| Ok(addresses.clone())))
}

#[derive(Default)]
struct Witness {
    out: RefCell<String>,
    refused: RefCell<Vec<String>>,
    ledger: RefCell<Vec<Connection>>,
}

impl Observer for Witness {
    fn line(&self, _: Stream, line: &[u8]) {
        self.out
            .borrow_mut()
            .push_str(&String::from_utf8_lossy(line));
        self.out.borrow_mut().push('\n');
    }
    fn usage(&self, _: StepUsage) {}
    fn refused(&self, host: &str) {
        self.refused.borrow_mut().push(host.to_owned());
    }
    fn connection(&self, connection: &Connection) {
        self.ledger.borrow_mut().push(connection.clone());
    }
}

/// Runs a script that may use the gate.
fn pass_through(ground: &Ground, keeper: Keeper, script: &str, stdin: &[u8]) -> (Witness, Outcome) {
    let mut spec = ground.script(script);
    spec.stdin = stdin.to_vec();
    spec.gate = Some(Pass {
        keeper: Arc::new(keeper),
        step: 7,
    });
    let witness = Witness::default();
    let outcome = ground
        .sandbox
        .run(&spec, &witness, &Cancel::default())
        .unwrap();
    (witness, outcome)
}

/// Says something to the gate and ends; the one entry of the ledger, and what came back.
fn say(ground: &Ground, keeper: Keeper, bytes: &[u8]) -> (Connection, String) {
    let (witness, _) = pass_through(ground, keeper, "nc -w 20 127.0.0.1 3128; true", bytes);
    let mut ledger = witness.ledger.take();
    assert_eq!(ledger.len(), 1, "{ledger:?}\n{}", witness.out.borrow());
    (ledger.remove(0), witness.out.take())
}

/// A ClientHello with these extensions, in records of `size` bytes.
fn hello(extensions: &[u8], size: usize) -> Vec<u8> {
    let long = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat();
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    body.extend(long(&[0x13, 1]));
    body.extend([1, 0]);
    body.extend(long(extensions));
    let length = (body.len() as u32).to_be_bytes();
    let message = [&[1], &length[1..], &body].concat();
    message
        .chunks(size)
        .flat_map(|part| [&[22, 3, 1][..], &long(part)].concat())
        .collect()
}

fn sni(name: &str) -> Vec<u8> {
    let (name, length) = (name.as_bytes(), name.len() as u8);
    let head = [0, 0, 0, length + 5, 0, length + 3, 0, 0, length];
    [&head, name].concat()
}

fn connect(host: &str, then: &[u8]) -> Vec<u8> {
    [
        format!("CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n").as_bytes(),
        then,
    ]
    .concat()
}

/// A host that listens on port 443 of an address of its own, and says back what it hears.
struct Host {
    address: IpAddr,
    heard: Arc<Mutex<Vec<u8>>>,
    visits: Arc<AtomicU32>,
}

impl Host {
    /// None, aloud, where this user can't have the port.
    fn start() -> Option<Self> {
        let [.., a, b] = std::process::id().to_be_bytes();
        let address = IpAddr::from([127, 77, a, b]);
        let listener = match TcpListener::bind((address, 443)) {
            Ok(listener) => listener,
            Err(error) => {
                println!("skipped: can't listen on {address}:443: {error}");
                return None;
            }
        };
        let host = Self {
            address,
            heard: Arc::default(),
            visits: Arc::default(),
        };
        let (heard, visits) = (host.heard.clone(), host.visits.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, heard) = (stream.unwrap(), heard.clone());
                visits.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || {
                    let mut buffer = [0; 65_536];
                    while let Ok(length @ 1..) = stream.read(&mut buffer) {
                        heard.lock().unwrap().extend(&buffer[..length]);
                        if stream.write_all(&buffer[..length]).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Some(host)
    }

    fn heard(&self) -> usize {
        self.heard.lock().unwrap().len()
    }
}

crate::everybody::for_everybody! {
    only_a_step_with_a_pass_finds_the_gate: |ground| {
        let asks = "printf 'GET http://a.example/ HTTP/1.1\\r\\n\\r\\n' | nc -w 5 127.0.0.1 3128";
        let ran = ground.run(&ground.script(asks));
        assert!(ran.err.contains("refused"), "{}{}", ran.out, ran.err);
        let (witness, outcome) = pass_through(ground, keeper(&policy()), asks, b"");
        assert_eq!(outcome.ending, Ending::Exited(0));
        let out = witness.out.borrow();
        assert!(out.starts_with("HTTP/1.1 403 flareo: plain HTTP: only HTTPS by CONNECT is let through"), "{out}");
    };

    what_may_not_pass_is_refused_and_listed: |ground| {
        let nobody = |_: &HostName| -> std::io::Result<Vec<IpAddr>> { panic!("nobody is to be asked") };
        for (request, host, port, reason) in [
            ("GET http://mirror.example/x HTTP/1.1\r\n\r\n", "mirror.example", 80, "plain HTTP"),
            ("POST / HTTP/1.1\r\nHost: mirror.example\r\n\r\n", "mirror.example", 80, "plain HTTP"),
            ("CONNECT mirror.example:80 HTTP/1.1\r\n\r\n", "mirror.example", 80, "port 80: only 443"),
            ("CONNECT 9.9.9.9:443 HTTP/1.1\r\n\r\n", "9.9.9.9", 443, "it is an address"),
            ("CONNECT 0x7f.1:443 HTTP/1.1\r\n\r\n", "0x7f.1", 443, "it is an address"),
            ("CONNECT [::1]:443 HTTP/1.1\r\n\r\n", "[::1]", 443, "it is an address"),
            ("CONNECT localhost:443 HTTP/1.1\r\n\r\n", "localhost", 443, "the machine itself"),
            ("CONNECT other.example:443 HTTP/1.1\r\n\r\n", "other.example", 443, "in none of the granted groups (mirror)"),
            ("CONNECT files.example:443 HTTP/1.1\r\n\r\n", "files.example", 443, "in none of the granted groups"),
            ("CONNECT mirror.example.evil.example:443 HTTP/1.1\r\n\r\n", "mirror.example.evil.example", 443, "in none"),
            ("CONNECT mirror.example HTTP/1.1\r\n\r\n", "", 0, "does not name a host and a port"),
            ("\u{16}\u{3}\u{1}", "", 0, "no HTTP request"),
            ("CONNECT mirror.exa", "", 0, "hung up before a whole request"),
        ] {
            let keeper = keeper(&policy()).resolver(Arc::new(nobody));
            let (entry, _) = say(ground, keeper, request.as_bytes());
            assert_eq!((entry.host.as_str(), entry.port, entry.step), (host, port, 7), "{request}");
            assert_eq!(entry.verdict, Passage::Refused, "{request}");
            assert!(entry.reason.contains(reason), "{request}: {}", entry.reason);
            assert_eq!((entry.up, entry.down, entry.address), (0, 0, None));
        }
    };

    a_name_that_leads_to_a_private_address_is_refused: |ground| {
        let policy = NetworkPolicy { private_addresses: vec![], ..policy() };
        for (addresses, kind) in [
            (&["127.0.0.1"][..], "a loopback address (127.0.0.1)"),
            (&["10.1.2.3"], "a private address"),
            (&["169.254.169.254"], "a link-local address"),
            (&["224.0.0.1"], "a multicast address"),
            (&["fd00::1"], "a private address"),
            (&["::ffff:9.9.9.9"], "an IPv4 address in IPv6"),
            // One bad address among good ones is enough.
            (&["9.9.9.9", "192.168.0.1"], "a private address (192.168.0.1)"),
        ] {
            let addresses: Vec<IpAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
            let (entry, out) = say(ground, keeper_where(&policy, &addresses), &connect("mirror.example", b""));
            assert_eq!(entry.verdict, Passage::Refused);
            assert!(entry.reason.contains(&format!("mirror.example resolves to {kind}")), "{}", entry.reason);
            assert!(out.starts_with("HTTP/1.1 403 "), "{out}");
        }
    };

    what_does_not_ask_the_gate_stays_refused: |ground| {
        let script = "nc -w 5 mirror.example 443; nc -w 5 9.9.9.9 443; true";
        let (witness, outcome) = pass_through(ground, keeper(&policy()), script, b"");
        assert_eq!(outcome.refused, ["mirror.example", "9.9.9.9:443"]);
        assert_eq!(witness.refused.take(), outcome.refused);
        assert_eq!(witness.ledger.take(), []);
    };

    a_name_that_is_nowhere_is_said_to_be: |ground| {
        let nowhere = |_: &HostName| Err(std::io::Error::other("no such name"));
        let keeper = keeper(&policy()).resolver(Arc::new(nowhere));
        let (entry, out) = say(ground, keeper, &connect("mirror.example", b""));
        assert_eq!(entry.verdict, Passage::Failed);
        assert!(entry.reason.contains("does not resolve: no such name"), "{}", entry.reason);
        assert!(out.starts_with("HTTP/1.1 502 "), "{out}");
    };

    a_resolver_that_never_answers_does_not_hold_the_step: |ground| {
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let held = Mutex::new(held);
        let keeper = keeper(&policy()).resolver(Arc::new(move |_: &HostName| {
            let _ = held.lock().unwrap().recv();
            Ok(vec![])
        }));
        let script = "(sleep 300 | nc 127.0.0.1 3128 & nc 127.0.0.1 3128) <&0 & sleep 0.5; exit 3";
        let (witness, outcome) = pass_through(ground, keeper, script, &connect("mirror.example", b""));
        assert_eq!(outcome.ending, Ending::Exited(3));
        assert!(witness.ledger.take().iter().all(|entry| entry.verdict == Passage::Refused));
        drop(hold);
    };

    who_is_slow_to_ask_is_dismissed: |ground| {
        let patience = Patience { greeting: Duration::from_millis(300), ..Patience::default() };
        let script = "{ (printf 'CONNECT mirror'; sleep 300) & } | nc 127.0.0.1 3128; true";
        let (witness, outcome) = pass_through(ground, keeper(&policy()).patience(patience), script, b"");
        assert_ne!(outcome.ending, Ending::Time);
        let entry = witness.ledger.take().remove(0);
        assert_eq!((entry.verdict, entry.reason.as_str()), (Passage::Refused, "a whole request did not come in time"));
    };

    a_head_without_an_end_is_dismissed: |ground| {
        let long = format!("CONNECT mirror.example:443 HTTP/1.1\r\nX: {}", "y".repeat(20_000));
        let (entry, _) = say(ground, keeper(&policy()), long.as_bytes());
        assert!(entry.reason.contains("no end within 8 KiB"), "{}", entry.reason);
    };
}

/// Tests that need a host on port 443.
macro_rules! with_a_host {
    ($($name:ident: $test:expr;)*) => { $(
        #[test]
        fn $name() {
            let test: fn(&Ground) = |ground| {
                let test: fn(&Ground, &Host) = $test;
                if let Some(host) = Host::start() {
                    test(ground, &host);
                }
            };
            super::ground::run_as(crate::everybody::Who::Root, concat!(module_path!(), "::", stringify!($name)), test);
        }
    )* };
}

with_a_host! {
    a_granted_host_is_reached_and_every_byte_counted: |ground, host| {
        for (name, size) in [("mirror.example", 16_384), ("a.b.files.example", 5), ("MIRROR.example", 40)] {
            let told = [hello(&sni(name), size), b"and more".to_vec()].concat();
            let (entry, out) = say(ground, keeper_where(&policy(), &[host.address]), &connect(name, &told));
            assert_eq!((entry.verdict, entry.reason.as_str()), (Passage::Allowed, ""), "{name}");
            assert_eq!((entry.host.as_str(), entry.port, entry.address), (name, 443, Some(host.address)));
            assert_eq!((entry.up, entry.down), (told.len() as u64, told.len() as u64));
            assert!(out.starts_with("HTTP/1.1 200 "), "{out}");
            assert!(out.contains("and more"), "{out}");
        }
    };

    a_name_is_resolved_once_and_no_second_answer_counts: |ground, host| {
        let asked = Arc::new(AtomicU32::new(0));
        let (address, count) = (host.address, asked.clone());
        let keeper = keeper(&policy()).resolver(Arc::new(move |_: &HostName| {
            Ok(match count.fetch_add(1, Ordering::SeqCst) {
                0 => vec![address],
                _ => vec!["10.0.0.1".parse().unwrap()],
            })
        }));
        let told = hello(&sni("mirror.example"), 999);
        let (entry, _) = say(ground, keeper, &connect("mirror.example", &told));
        assert_eq!((entry.verdict, entry.address), (Passage::Allowed, Some(host.address)));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    };

    the_policy_s_own_addresses_are_taken_without_asking: |ground, host| {
        let nobody = |_: &HostName| -> std::io::Result<Vec<IpAddr>> { panic!("nobody is to be asked") };
        let policy = NetworkPolicy {
            addresses: [("mirror.example".parse().unwrap(), vec![host.address])].into(),
            ..policy()
        };
        let told = hello(&sni("mirror.example"), 999);
        let (entry, _) = say(ground, keeper(&policy).resolver(Arc::new(nobody)), &connect("mirror.example", &told));
        assert_eq!(entry.verdict, Passage::Allowed);
    };

    who_greets_another_host_reaches_nobody: |ground, host| {
        let hidden = [sni("mirror.example"), vec![0xFE, 0x0D, 0, 1, 0]].concat();
        for (told, reason) in [
            (hello(&sni("other.example"), 999), "the ClientHello greets other.example, not mirror.example"),
            (hello(&sni("a.files.example"), 999), "greets a.files.example, not mirror.example"),
            (hello(&[], 999), "names no server (no SNI)"),
            (hello(&hidden, 999), "hides its server name (ECH)"),
            (b"GET / HTTP/1.1\r\nHost: mirror.example\r\n\r\n".to_vec(), "is not TLS"),
            (b"SSH-2.0-x\r\n".to_vec(), "is not TLS"),
            (hello(&sni("mirror.example"), 999)[..20].to_vec(), "hung up before the ClientHello"),
        ] {
            let (entry, _) = say(ground, keeper_where(&policy(), &[host.address]), &connect("mirror.example", &told));
            assert_eq!(entry.verdict, Passage::Refused, "{reason}");
            assert!(entry.reason.contains(reason), "{}", entry.reason);
            assert_eq!((entry.up, entry.down), (0, 0));
        }
        assert_eq!(host.heard(), 0);
        assert_eq!(host.visits.load(Ordering::SeqCst), 7);
    };

    a_host_that_does_not_listen_is_said_not_to: |ground, host| {
        let IpAddr::V4(here) = host.address else { return };
        let [a, b, c, d] = here.octets();
        let elsewhere = IpAddr::from([a, b ^ 1, c, d]);
        let (entry, out) = say(ground, keeper_where(&policy(), &[elsewhere]), &connect("mirror.example", b""));
        assert_eq!(entry.verdict, Passage::Failed);
        assert!(entry.reason.contains("refused"), "{}", entry.reason);
        assert!(out.starts_with("HTTP/1.1 502 "), "{out}");
    };

    no_more_connections_at_once_than_the_policy_says: |ground, host| {
        let policy = NetworkPolicy { connections: 1, ..policy() };
        std::fs::write(ground.path().join("hello"), b"").unwrap();
        // The first stays open until the second has been turned away.
        let script = "cat >/tmp/told; (cat /tmp/told; sleep 2) | nc 127.0.0.1 3128 >/tmp/first & sleep 0.7; \
            nc 127.0.0.1 3128 </tmp/told; wait; tail -c 6 /tmp/first; cat /tmp/told | nc 127.0.0.1 3128 | tail -c 6";
        let told = connect("mirror.example", &[hello(&sni("mirror.example"), 999), b"and me".to_vec()].concat());
        let (witness, _) = pass_through(ground, keeper_where(&policy, &[host.address]), script, &told);
        let ledger = witness.ledger.take();
        let verdicts: Vec<_> = ledger.iter().map(|entry| entry.verdict).collect();
        assert_eq!(verdicts, [Passage::Refused, Passage::Allowed, Passage::Allowed], "{ledger:?}");
        assert_eq!(ledger[0].reason, "more than 1 connections at once");
        let out = witness.out.borrow();
        assert!(out.contains("503 flareo: too many connections at once") && out.contains("and meand me"), "{out}");
    };

    no_more_bytes_than_the_policy_says: |ground, host| {
        let policy = NetworkPolicy { bytes: 100_000, ..policy() };
        let told = connect("mirror.example", &[hello(&sni("mirror.example"), 999), vec![b'x'; 300_000]].concat());
        let (entry, _) = say(ground, keeper_where(&policy, &[host.address]), &told);
        assert_eq!(entry.verdict, Passage::Cut);
        assert!(entry.reason.contains("used up its 100000 bytes of network"), "{}", entry.reason);
        assert!(entry.up + entry.down <= 100_000, "{entry:?}");
        assert!(host.heard() <= 100_000);
    };

    who_says_nothing_is_cut_off: |ground, host| {
        let patience = Patience { idle: Duration::from_millis(300), ..Patience::default() };
        let script = "exec 3<&0; { (cat; sleep 300) <&3 & } | nc 127.0.0.1 3128; true";
        let told = connect("mirror.example", &hello(&sni("mirror.example"), 999));
        let (witness, outcome) =
            pass_through(ground, keeper_where(&policy(), &[host.address]).patience(patience), script, &told);
        assert_ne!(outcome.ending, Ending::Time);
        let entry = witness.ledger.take().remove(0);
        assert_eq!(entry.verdict, Passage::Cut);
        assert!(entry.reason.contains("nothing was said"), "{}", entry.reason);
    };

    what_is_open_at_the_end_of_the_step_is_closed: |ground, host| {
        let script = "exec 3<&0; (cat; sleep 300) <&3 | nc 127.0.0.1 3128 >/dev/null & sleep 1; exit 3";
        let told = connect("mirror.example", &hello(&sni("mirror.example"), 999));
        let (witness, outcome) = pass_through(ground, keeper_where(&policy(), &[host.address]), script, &told);
        assert_eq!(outcome.ending, Ending::Exited(3));
        let ledger = witness.ledger.take();
        assert_eq!(ledger.len(), 1);
        assert_eq!((ledger[0].verdict, ledger[0].port), (Passage::Allowed, 443));
        assert!(ledger[0].up > 0, "{ledger:?}");
    };
}

/// With `--no-capture`, in a release build, it also tells the gate's rate beside the host's own loopback.
#[test]
fn what_comes_down_is_counted_to_the_byte() {
    const BYTES: u64 = 1 << 26;
    super::ground::run_as(
        crate::everybody::Who::Root,
        concat!(module_path!(), "::what_comes_down_is_counted_to_the_byte"),
        |ground| {
            let [.., a, b] = std::process::id().to_be_bytes();
            let address = IpAddr::from([127, 79, a, b]);
            let listener = TcpListener::bind((address, 443)).unwrap();
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    let mut stream = stream.unwrap();
                    let _ = stream.read(&mut [0; 4096]).unwrap();
                    let block = vec![7; 1 << 20];
                    for _ in 0..BYTES >> 20 {
                        if stream.write_all(&block).is_err() {
                            break;
                        }
                    }
                }
            });
            let told = hello(&sni("mirror.example"), 999);
            let policy = NetworkPolicy {
                bytes: u64::MAX,
                ..policy()
            };
            for round in 1..=2 {
                let began = std::time::Instant::now();
                let mut direct = std::process::Command::new(crate::everybody::busybox().unwrap())
                    .args(["nc", &address.to_string(), "443"])
                    .stdin(std::process::Stdio::piped())
                    .stdout(std::process::Stdio::null())
                    .spawn()
                    .unwrap();
                direct.stdin.take().unwrap().write_all(&told).unwrap();
                direct.wait().unwrap();
                let direct = began.elapsed();
                let script = "nc 127.0.0.1 3128 >/dev/null";
                let keeper = keeper_where(&policy, &[address]);
                let (witness, _) =
                    pass_through(ground, keeper, script, &connect("mirror.example", &told));
                let entry = witness.ledger.take().remove(0);
                assert_eq!(entry.down, BYTES);
                let rate = |seconds: f64| BYTES as f64 / 1e6 / seconds;
                let gate = Duration::from_millis(entry.took_ms);
                println!(
                    "round {round}: direct {:.0} MB/s, through the gate {:.0} MB/s, ratio {:.2}",
                    rate(direct.as_secs_f64()),
                    rate(gate.as_secs_f64()),
                    direct.as_secs_f64() / gate.as_secs_f64()
                );
            }
        },
    );
}
