//! The network for one build, the whole way: a real TLS host, a real client in the step, and every connection on record
//! (R14, R15).

use std::net::IpAddr;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use serde_json::Value;

use crate::support::{REVIEWER, SUBMITTER, Scene, can_build, part};
use crate::vulnerabilities;

/// A TLS server of openssl's on port 443 of an address of its own, and the authority that vouches for it.
struct Mirror {
    address: IpAddr,
    server: Child,
}

impl Drop for Mirror {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Mirror {
    fn start(scene: &Scene) -> Option<Self> {
        let [.., a, b] = std::process::id().to_be_bytes();
        let address = IpAddr::from([127, 78, a, b]);
        let folder = scene.path("mirror");
        std::fs::create_dir_all(&folder).unwrap();
        let openssl = |arguments: &str| {
            let made = Command::new("openssl")
                .args(arguments.split(' '))
                .current_dir(&folder)
                .output();
            made.is_ok_and(|made| made.status.success())
        };
        scene.write(
            "mirror/names",
            "subjectAltName=DNS:mirror.example,DNS:second.example,DNS:other.example\n",
        );
        scene.write("mirror/data.txt", "what the mirror serves\n");
        scene.write("mirror/large", vec![b'x'; 3 << 20]);
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        let made = openssl(&format!(
            "req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=authority -days 2"
        )) && openssl(&format!(
            "req {key} -keyout key -out request -subj /CN=mirror"
        )) && openssl(
            "x509 -req -in request -CA ca.pem -CAkey ca.key -CAcreateserial -out cert -days 2 -extfile names",
        );
        if !made {
            println!("skipped: openssl can't make certificates here");
            return None;
        }
        let mut server = Command::new("openssl")
            .args(["s_server", "-WWW", "-quiet", "-cert", "cert", "-key", "key"])
            .args(["-accept", &format!("{address}:443")])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..100 {
            if std::net::TcpStream::connect((address, 443)).is_ok() {
                return Some(Self { address, server });
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let _ = server.kill();
        let _ = server.wait();
        println!("skipped: openssl does not listen on {address}:443");
        None
    }
}

const FETCH: &str = "\
import ssl, sys, urllib.request
for url in sys.argv[1:]:
    context = ssl.create_default_context(cafile='/ca.pem')
    print(len(urllib.request.urlopen(url, context=context).read()))
";

/// A context whose build fetches.
fn context(scene: &Scene, name: &str, run: &str) -> String {
    let ca = std::fs::read(scene.path("mirror/ca.pem")).unwrap();
    scene.write(&format!("{name}/ca.pem"), ca);
    scene.write(&format!("{name}/fetch.py"), FETCH);
    scene.write(
        &format!("{name}/Dockerfile"),
        format!("FROM python:3.11-slim\nCOPY ca.pem fetch.py /\n{run}\nCMD [\"true\"]\n"),
    );
    scene.path(name).to_str().unwrap().to_owned()
}

/// The events of a build.
fn build(scene: &Scene, arguments: &[&str]) -> Vec<Value> {
    let arguments = [&["--format", "json", "build", "--no-policy"], arguments].concat();
    let out = scene.run("root", arguments).out();
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn result(events: &[Value]) -> &Value {
    events.last().unwrap()
}

fn connections(events: &[Value]) -> Vec<(String, String)> {
    let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    events
        .iter()
        .filter(|event| event["event"] == "connection")
        .map(|event| (text(event, "host"), text(event, "verdict")))
        .collect()
}

/// A scene with a mirror and a policy that can grant it.
fn ground() -> Option<(Scene, Mirror)> {
    let bases = part("FLAREO_TEST_BASES")?;
    if !can_build() {
        return None;
    }
    let scene = Scene::new();
    let mirror = Mirror::start(&scene)?;
    scene.base(
        "python:3.11-slim",
        &std::path::Path::new(&bases).join("debian-python.tar"),
    );
    vulnerabilities::install(&scene.state().join("trivy"));
    let at = mirror.address;
    scene.write(
        "state/policy.toml",
        format!(
            "[scan]\nscanner = \"embedded\"\n[build]\nreproduce = \"never\"\n[network]\nprivate_addresses = [\"127.0.0.0/8\"]\n\
             [network.addresses]\n\"mirror.example\" = [\"{at}\"]\n\"second.example\" = [\"{at}\"]\n\"other.example\" = [\"{at}\"]\n\
             [network.groups.mirror]\nhosts = [\"mirror.example\", \"second.example\"]\nreason = \"our own packages\"\n\
             [network.groups.more]\nhosts = [\"third.example\"]\nreason = \"more\"\n"
        ),
    );
    Some((scene, mirror))
}

#[test]
fn a_local_build_reaches_the_groups_that_it_names_and_the_cache_keeps_grants_apart() {
    let Some((scene, _mirror)) = ground() else {
        return;
    };
    let fetches = context(
        &scene,
        "fetches",
        "RUN python3 /fetch.py https://mirror.example/data.txt\nRUN env >/tmp/seen",
    );
    let without = build(&scene, &[&fetches]);
    assert_eq!(
        result(&without)["error"],
        "network disabled — connection refused to mirror.example"
    );

    let granted = build(&scene, &[&fetches, "--network", "mirror"]);
    assert_eq!(result(&granted)["ok"], true, "{granted:#?}");
    assert_eq!(
        connections(&granted),
        [("mirror.example".into(), "allowed".into())]
    );
    let said = |text: &str| {
        granted
            .iter()
            .any(|e| e["event"] == "log" && e["text"] == text)
    };
    assert!(said("23"), "{granted:#?}");

    // Under the same grant the cache answers; under none, or another, it does not.
    let again = build(&scene, &[&fetches, "--network", "mirror"]);
    assert_eq!(result(&again)["digest"], result(&granted)["digest"]);
    assert_eq!(connections(&again), []);
    assert_eq!(result(&build(&scene, &[&fetches]))["ok"], false);
    let wider = build(&scene, &[&fetches, "--network", "mirror,more"]);
    assert_eq!(connections(&wider).len(), 1, "{wider:#?}");

    // The way to the gate is in the step's environment and nowhere in the image's configuration.
    let out = scene.path("image");
    let output = format!("oci:{}", out.display());
    build(
        &scene,
        &[&fetches, "--network", "mirror", "--output", &output],
    );
    let configs: Vec<String> = std::fs::read_dir(out.join("blobs/sha256"))
        .unwrap()
        .filter_map(|blob| std::fs::read_to_string(blob.unwrap().path()).ok())
        .filter(|text| text.contains("\"rootfs\""))
        .collect();
    assert_eq!(configs.len(), 1);
    assert!(
        !configs[0].to_lowercase().contains("_proxy"),
        "{}",
        configs[0]
    );

    let declines = context(
        &scene,
        "declines",
        "RUN --network=none python3 /fetch.py https://mirror.example/data.txt",
    );
    let declined = build(&scene, &[&declines, "--network", "mirror"]);
    assert_eq!(
        result(&declined)["error"],
        "network disabled — connection refused to mirror.example"
    );
    let unknown = scene.run("root", ["build", &fetches, "--network", "nosuch"]);
    assert_eq!(unknown.code(), 2, "{unknown:?}");
    assert!(unknown.err().contains("no network group `nosuch`"));
}

#[test]
fn a_real_client_is_refused_what_the_grant_does_not_reach() {
    let Some((scene, _mirror)) = ground() else {
        return;
    };
    let python = |code: &str| format!("RUN [\"python3\", \"-c\", \"{code}\"]");
    let tls = "import socket, ssl; s = socket.create_connection(('127.0.0.1', 3128)); \
               s.send(b'CONNECT mirror.example:443 HTTP/1.1\\\\r\\\\n\\\\r\\\\n'); print(s.recv(99)); \
               c = ssl.create_default_context(cafile='/ca.pem'); ";
    for (name, run, error) in [
        (
            "other",
            "RUN python3 /fetch.py https://other.example/data.txt".to_owned(),
            "connection refused to other.example:443: other.example is in none of the granted groups (mirror)",
        ),
        (
            "port",
            "RUN python3 /fetch.py https://mirror.example:8443/".to_owned(),
            "connection refused to mirror.example:8443: port 8443: only 443 is let through",
        ),
        (
            "plain",
            "RUN python3 /fetch.py http://mirror.example/data.txt".to_owned(),
            "connection refused to mirror.example:80: plain HTTP: only HTTPS by CONNECT is let through",
        ),
        (
            "literal",
            "RUN python3 /fetch.py https://127.0.0.9/ || https_proxy=$HTTPS_PROXY no_proxy= NO_PROXY= python3 /fetch.py https://127.0.0.9/".to_owned(),
            "connection refused to 127.0.0.9:443: it is an address; name the host",
        ),
        (
            "fronted",
            python(&format!("{tls}c.wrap_socket(s, server_hostname='other.example')")),
            "connection refused to mirror.example:443: the ClientHello greets other.example, not mirror.example",
        ),
        (
            "nameless",
            python(&format!("{tls}c.check_hostname = False; c.wrap_socket(s)")),
            "connection refused to mirror.example:443: the ClientHello names no server (no SNI)",
        ),
    ] {
        let folder = context(&scene, name, &run);
        let events = build(&scene, &[&folder, "--network", "mirror"]);
        let expected = format!("network gate — {error}");
        assert_eq!(result(&events)["error"], expected.as_str(), "{events:#?}");
        assert!(connections(&events).iter().all(|(_, verdict)| verdict == "refused"));
    }
    // Who does not ask the gate is refused as ever.
    let direct = context(
        &scene,
        "direct",
        "RUN env -u https_proxy -u HTTPS_PROXY python3 /fetch.py https://mirror.example/data.txt",
    );
    assert_eq!(
        result(&build(&scene, &[&direct, "--network", "mirror"]))["error"],
        "network disabled — connection refused to mirror.example"
    );
}

/// Publishes as the submitter; the row's number.
fn publish(scene: &Scene, folder: &str, more: &[&str]) -> String {
    let arguments = [&["publish", folder, "--slug", "fetcher"], more].concat();
    scene.json(SUBMITTER, arguments)["id"].to_string()
}

/// What every image on Debian has, and Debian does not mend.
fn except_debian_s_own(scene: &Scene) {
    let until = [
        "--reason",
        "not mended by Debian",
        "--expires",
        "2099-12-31",
    ];
    let exception = ["exception", "add", "CVE-2023-45853", "--package", "zlib"];
    scene.ok("root", exception.into_iter().chain(until));
}

#[test]
fn a_grant_goes_from_the_wish_to_the_provenance() {
    let Some((scene, _mirror)) = ground() else {
        return;
    };
    except_debian_s_own(&scene);
    let first = context(
        &scene,
        "first",
        "RUN python3 /fetch.py https://mirror.example/data.txt >/fetched",
    );
    let approve = |id: &str, more: &[&str]| {
        let arguments = [&["review", id, "approve"], more].concat();
        scene.run(REVIEWER, arguments)
    };
    // Who did not ask is granted nothing.
    let id = publish(&scene, &first, &[]);
    let refused = approve(&id, &["--grant-network", "mirror", "--reason", "why not"]);
    assert_eq!(refused.code(), 1, "{refused:?}");
    assert!(
        refused.err().contains("does not ask for network"),
        "{refused:?}"
    );
    scene.ok(
        REVIEWER,
        ["review", &id, "reject", "--reason", "ask for network"],
    );

    let id = publish(&scene, &first, &["--requires-network"]);
    let page = scene.ok(REVIEWER, ["show", &id]).out();
    assert!(
        page.contains(&format!("flareo review {id} approve --grant-network GROUP")),
        "{page}"
    );
    for (more, why) in [
        (&["--grant-network", "mirror"][..], "a grant needs a reason"),
        (
            &["--grant-network", "nosuch", "--reason", "x"],
            "no network group `nosuch`",
        ),
    ] {
        let refused = approve(&id, more);
        assert_eq!(refused.code(), 1, "{refused:?}");
        assert!(refused.err().contains(why), "{refused:?}");
    }
    let approved = approve(
        &id,
        &[
            "--grant-network",
            "mirror",
            "--reason",
            "too large to vendor",
        ],
    );
    assert_eq!(approved.code(), 0, "{approved:?}");
    scene.ok("root", ["--batch"]);

    let shown = scene.json(REVIEWER, ["show", &id]);
    assert_eq!(shown["submission"]["state"], "published", "{shown:#}");
    let used = &shown["network"]["used"];
    assert_eq!(used["groups"], serde_json::json!(["mirror"]));
    assert_eq!(used["hosts"][0]["host"], "mirror.example");
    let connection = &shown["connections"][0];
    assert_eq!(
        (&connection["host"], &connection["port"]),
        (&"mirror.example".into(), &443.into())
    );
    assert_eq!(connection["verdict"], "allowed");
    assert!(
        connection["up"].as_u64() > Some(100) && connection["down"].as_u64() > Some(100),
        "{connection}"
    );
    let page = scene.ok(REVIEWER, ["show", &id]).out();
    assert!(page.contains("mirror.example once"), "{page}");

    // One entry a build in the audit log, with the ledger's digest; and the grant, with its reason.
    let audit = scene.json("root", ["audit", "log", "--submission", &id]);
    let entries = audit.as_array().unwrap();
    let of = |action: &str| {
        entries
            .iter()
            .filter(|e| e["action"] == action)
            .collect::<Vec<_>>()
    };
    assert_eq!(of("submission.network").len(), 1, "{audit:#}");
    assert_eq!(
        of("submission.network")[0]["facts"]["ledger"],
        used["ledger"]
    );
    let approval = &of("submission.approve")[0]["facts"];
    assert_eq!(approval["reason"], "too large to vendor");
    assert_eq!(
        approval["binding"]["grants"],
        serde_json::json!([{"grant": "network", "groups": ["mirror"]}])
    );
    scene.ok("root", ["audit", "verify"]);

    let provenance = provenance(&scene);
    let internal = &provenance["predicate"]["buildDefinition"]["internalParameters"]["network"];
    assert_eq!(
        internal["hosts"][0]["host"], "mirror.example",
        "{provenance:#}"
    );
    let byproducts = provenance["predicate"]["runDetails"]["byproducts"]
        .as_array()
        .unwrap();
    let ledger = byproducts
        .iter()
        .find(|b| b["name"] == "network-ledger.json")
        .unwrap();
    let digest = format!("sha256:{}", ledger["digest"]["sha256"].as_str().unwrap());
    assert_eq!(used["ledger"], digest.as_str());

    // A grant never carries over (R5), and what is new since then is said.
    let second = context(
        &scene,
        "second",
        "RUN python3 /fetch.py https://second.example/large >/fetched",
    );
    let id = publish(&scene, &second, &["--requires-network"]);
    let refused = approve(&id, &[]);
    let page = scene.ok(REVIEWER, ["show", &id]).out();
    assert!(page.contains("the last granted build"), "{page}");
    if refused.code() == 0 {
        // Reading could not tell that the script fetches; the sandbox does.
        assert_eq!(scene.run("root", ["--batch"]).code(), 1);
        let failed = scene.json(REVIEWER, ["show", &id]);
        assert_eq!(
            failed["submission"]["failure"]["message"],
            "network disabled — connection refused to second.example"
        );
    } else {
        scene.ok(REVIEWER, ["review", &id, "reject", "--reason", "again"]);
    }
    let id = publish(&scene, &second, &["--requires-network"]);
    approve(&id, &["--grant-network", "mirror", "--reason", "again"]);
    scene.ok("root", ["--batch"]);
    let page = scene.ok(REVIEWER, ["show", &id]).out();
    assert!(
        page.contains("new: second.example") && page.contains("gone: mirror.example"),
        "{page}"
    );
}

#[test]
fn a_granted_build_is_built_twice_by_the_same_grant() {
    let Some((scene, _mirror)) = ground() else {
        return;
    };
    let policy = std::fs::read_to_string(scene.state().join("policy.toml")).unwrap();
    let policy = policy.replace("reproduce = \"never\"", "reproduce = \"always\"");
    scene.write("state/policy.toml", policy);
    except_debian_s_own(&scene);
    let folder = context(
        &scene,
        "twice",
        "RUN python3 /fetch.py https://mirror.example/data.txt >/fetched",
    );
    let id = publish(&scene, &folder, &["--requires-network"]);
    let grant = ["--grant-network", "mirror", "--reason", "too large"];
    let approve = ["review", &id, "approve"];
    scene.ok(REVIEWER, approve.into_iter().chain(grant));
    scene.ok("root", ["--batch"]);
    let shown = scene.json(REVIEWER, ["show", &id]);
    assert_eq!(shown["submission"]["state"], "published", "{shown:#}");
    let report = &shown["reproduction"];
    assert_eq!(report["difference"], Value::Null, "{report:#}");
    assert_eq!(report["first"], report["second"]);
    // What either build reached is on record.
    let connections = shown["connections"].as_array().unwrap();
    assert_eq!(connections.len(), 2, "{connections:#?}");
    for connection in connections {
        assert_eq!(connection["host"], "mirror.example");
        assert_eq!(connection["verdict"], "allowed");
    }
}

/// The signed statement about how the module came to be.
fn provenance(scene: &Scene) -> Value {
    let out = scene.path("exported");
    scene.ok(
        "root",
        [
            "module",
            "export",
            "fetcher",
            "--output",
            &format!("oci:{}", out.display()),
        ],
    );
    std::fs::read_dir(out.join("blobs/sha256"))
        .unwrap()
        .filter_map(|blob| {
            serde_json::from_slice::<Value>(&std::fs::read(blob.unwrap().path()).unwrap()).ok()
        })
        .filter_map(|blob| {
            let payload = blob["payload"]
                .as_str()
                .or_else(|| blob["dsseEnvelope"]["payload"].as_str())?;
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(payload)
                .ok()?;
            serde_json::from_slice::<Value>(&bytes).ok()
        })
        .find(|statement| statement["predicateType"] == "https://slsa.dev/provenance/v1")
        .unwrap()
}
