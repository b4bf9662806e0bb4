//! Jobs: data through, views shown, errors told.

use std::fs;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use flareo::model::event::Cancel;
use flareo::sandbox::{ECHO, Input, Output, SandboxError, View, Work};

/// So many bytes, then an error.
struct Breaks(usize);

impl Read for Breaks {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.0 == 0 {
            return Err(std::io::Error::other("the source broke"));
        }
        let length = buffer.len().min(self.0);
        self.0 -= length;
        Ok(length)
    }
}

/// Takes nothing.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::StorageFull.into())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn echo<'a>(input: Input<'a>, output: Output<'a>) -> Work<'a> {
    Work {
        job: ECHO,
        arguments: b"arguments",
        views: &[],
        input,
        output,
    }
}

crate::everybody::for_everybody! {
    data_goes_through_whole: |ground| {
        let data: Vec<u8> = (0..20_000_000_u32).map(|n| (n % 251) as u8).collect();
        let mut back = Vec::new();
        let (mut from, to): (&[u8], &mut Vec<u8>) = (&data, &mut back);
        let answer = ground.sandbox.work(echo(Input::Reader(&mut from), Output::Writer(to)), &Cancel::default()).unwrap();
        assert_eq!(answer, b"arguments");
        assert!(back == data);
    };

    files_go_through_whole: |ground| {
        let path = ground.path().join("in");
        fs::write(&path, "content").unwrap();
        let (from, to) = (fs::File::open(&path).unwrap(), fs::File::create(ground.path().join("out")).unwrap());
        ground.sandbox.work(echo(Input::File(from), Output::File(to)), &Cancel::default()).unwrap();
        assert_eq!(fs::read_to_string(ground.path().join("out")).unwrap(), "content");
    };

    long_arguments_are_no_trouble: |ground| {
        let arguments = vec![b'x'; 5_000_000];
        let work = Work { arguments: &arguments, ..echo(Input::Empty, Output::Discard) };
        assert_eq!(ground.sandbox.work(work, &Cancel::default()).unwrap(), arguments);
    };

    an_unknown_job_is_said: |ground| {
        let work = Work { job: "nosuch", ..echo(Input::Empty, Output::Discard) };
        let error = ground.sandbox.work(work, &Cancel::default()).unwrap_err();
        assert!(error.to_string().contains("nosuch is unknown"), "{error}");
    };

    a_broken_source_is_no_end: |ground| {
        let error = ground.sandbox.work(echo(Input::Reader(&mut Breaks(300_000)), Output::Discard), &Cancel::default());
        assert!(error.unwrap_err().to_string().contains("the source broke"));
    };

    a_full_target_ends_the_job: |ground| {
        let mut data = std::io::repeat(7);
        let error = ground.sandbox.work(echo(Input::Reader(&mut data), Output::Writer(&mut Full)), &Cancel::default());
        assert!(matches!(error, Err(SandboxError::Host { .. })), "{error:?}");
    };

    it_ends_when_it_is_told_to: |ground| {
        let (cancel, began) = (Cancel::default(), Instant::now());
        let other = cancel.clone();
        let canceller = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            other.cancel();
        });
        let mut data = std::io::repeat(7);
        let error = ground.sandbox.work(echo(Input::Reader(&mut data), Output::Discard), &cancel);
        canceller.join().unwrap();
        assert!(matches!(error, Err(SandboxError::Cancelled)), "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(2));
    };

    a_view_that_is_not_there_is_said: |ground| {
        let views = [View::Layers { lower: vec!["/no/such/layer".into()] }];
        let work = Work { views: &views, ..echo(Input::Empty, Output::Discard) };
        let error = ground.sandbox.work(work, &Cancel::default()).unwrap_err();
        assert!(error.to_string().contains("/no/such/layer"), "{error}");
    };

    overlays_can_be_shown: |ground| {
        let spec = ground.argv(&["true"]);
        let views = [
            View::Layers { lower: vec![] },
            View::Layers { lower: vec![ground.base.clone()] },
            View::Overlay { lower: vec![ground.base.clone()], upper: spec.upper.clone(), work: spec.work.clone() },
            View::Folder { path: ground.base.clone(), read_only: true },
        ];
        let work = Work { views: &views, ..echo(Input::Empty, Output::Discard) };
        ground.sandbox.work(work, &Cancel::default()).unwrap();
    };

    what_a_step_left_can_be_removed_whoever_owns_it: |ground| {
        let spec = ground.script("mkdir -p /locked/in && touch /locked/in/f && chown -R 1000:1000 /locked && chmod 0 /locked /locked/in; rm -r /etc; mkdir /etc");
        ground.run(&spec);
        ground.sandbox.remove_folder(&spec.upper).unwrap();
        ground.sandbox.remove_folder(&spec.work).unwrap();
        assert!(!spec.upper.exists() && !spec.work.exists());
        ground.sandbox.remove_folder(&spec.upper).unwrap();
    };
}
