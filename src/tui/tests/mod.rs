//! The console as a whole, without a terminal.

mod desk;

use std::sync::Arc;

use super::Options;
use super::session::Session;
use desk::Sample;

fn open(desk: Sample, width: u16, height: u16) -> Session {
    Session::new(Arc::new(desk), &Options::default(), width, height).unwrap()
}

#[test]
fn look() {
    for (w, h) in [(80, 24), (120, 40)] {
        let mut s = open(Sample::many(), w, h);
        println!("{}", s.frame());
        s.press("2").unwrap();
        println!("{}", s.frame());
        s.press("tab").unwrap();
        println!("{}", s.frame());
        s.press("tab").unwrap();
        println!("{}", s.frame());
        s.press("d").unwrap();
        println!("{}", s.frame());
        s.press("a").unwrap();
        println!("{}", s.frame());
        s.press("esc x").unwrap();
        s.write("no");
        s.press("enter").unwrap();
        println!("{}", s.frame());
        s.press("n esc 1 j j 3").unwrap();
        println!("{}", s.frame());
        s.press("1 j j j 3").unwrap();
        println!("{}", s.frame());
        s.press("4").unwrap();
        println!("{}", s.frame());
        s.press("?").unwrap();
        println!("{}", s.frame());
    }
}
