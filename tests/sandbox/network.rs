//! No network, and it is said who was wanted (R10).

use std::time::Duration;

use flareo::sandbox::spec::Ending;

crate::everybody::for_everybody! {
    a_host_that_was_wanted_by_name_is_named: |ground| {
        let ran = ground.run(&ground.script("nc -w 5 mirror.example.org 80; telnet mirror.example.org 8080 </dev/null; nc -w 5 other.test 443"));
        assert_ne!(ran.outcome.ending, Ending::Exited(0));
        assert_eq!(ran.outcome.refused, ["mirror.example.org", "other.test"]);
        assert_eq!(ran.refused, ran.outcome.refused);
        assert!(ran.err.contains("Connection refused"), "{}", ran.err);
        assert!(ran.took < Duration::from_secs(2), "{:?}", ran.took);
    };

    a_host_that_was_wanted_by_address_is_named: |ground| {
        let ran = ground.run(&ground.script("nc -w 5 9.9.9.9 443; nc -w 5 2001:db8::7 80; timeout 1 tftp -g -r x 8.8.4.4; true"));
        let refused = &ran.outcome.refused;
        assert!(refused.contains(&"9.9.9.9:443".into()), "{refused:?}");
        assert!(refused.contains(&"8.8.4.4:69".into()), "{refused:?}");
        assert!(refused.contains(&"[2001:db8::7]:80".into()), "{refused:?} {}", ran.err);
    };

    a_resolver_of_the_step_s_own_choice_is_ours: |ground| {
        let ran = ground.run(&ground.script("nslookup there.example 8.8.8.8"));
        assert!(ran.out.contains("198.18.0.1"), "{} {}", ran.out, ran.err);
    };

    loopback_is_the_step_s_own: |ground| {
        let out = ground.says("(echo hello | nc -l -p 8000) & sleep 0.2; nc -w 2 localhost 8000 </dev/null; ip addr | grep -c mtu; ping -c1 9.9.9.9 >/dev/null 2>&1 || echo silent");
        assert_eq!(out, "hello\n1\nsilent\n");
        let ran = ground.run(&ground.script("nc -w 1 127.0.0.1 9; true"));
        assert_eq!(ran.outcome.refused, Vec::<String>::new());
    };

    the_host_s_loopback_and_abstract_sockets_are_elsewhere: |ground| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let ran = ground.run(&ground.script(&format!("nc -w 1 127.0.0.1 {port} </dev/null && echo reached; cat /proc/net/unix | wc -l")));
        assert_eq!(ran.out, "1\n", "{}", ran.err);
    };
}
