//! Manifests, indexes and configurations that lie: refused in words that say where, and nothing of them is left.

use flareo::model::Digest;
use flareo::model::image::Platform;
use flareo::oci::media;
use serde_json::{Value, json};

use super::left;
use super::tape::{Layer, Layout, Tape, config, descriptor};
use crate::support::Scene;

fn honest() -> Layer {
    Layer::gzip(&Tape::default().file("f", b"x").end())
}

/// A manifest over the honest layer, as a value to be spoilt.
fn manifest(layout: &Layout<'_>, layers: &[Layer]) -> Value {
    let config = config(layers).to_string().into_bytes();
    layout.put(&config);
    let layers: Vec<Value> = layers
        .iter()
        .map(|layer| {
            layout.put(&layer.blob);
            descriptor(layer.media_type, &layer.blob)
        })
        .collect();
    json!({
        "schemaVersion": 2, "mediaType": media::MANIFEST,
        "config": descriptor(media::CONFIG, &config), "layers": layers,
    })
}

type Make = fn(&Layout<'_>);

/// Lists one manifest after `change`.
fn spoilt(layout: &Layout<'_>, change: impl FnOnce(&mut Value)) {
    let mut value = manifest(layout, &[honest()]);
    change(&mut value);
    layout.list(&[layout.document(media::MANIFEST, &value)]);
}

fn index_of(layout: &Layout<'_>, listed: &Value) -> Value {
    layout.document(
        media::INDEX,
        &json!({ "schemaVersion": 2, "mediaType": media::INDEX, "manifests": [listed] }),
    )
}

/// Lists a manifest whose configuration is these bytes.
fn configured(layout: &Layout<'_>, config: &[u8]) {
    let layer = honest();
    let manifest = layout.manifest(config, &[layer]);
    layout.list(&[manifest]);
}

const CASES: &[(&str, Make, &str)] = &[
    (
        "a layer of another digest",
        |layout| {
            let lie = Digest::of(b"lie");
            std::fs::create_dir_all(layout.0.join("blobs/sha256")).unwrap();
            std::fs::write(layout.0.join("blobs/sha256").join(lie.hex()), honest().blob).unwrap();
            spoilt(layout, |m| m["layers"][0]["digest"] = json!(lie));
        },
        "is not what it should be: expected sha256:",
    ),
    (
        "a layer that is said to be shorter",
        |layout| spoilt(layout, |m| m["layers"][0]["size"] = json!(10)),
        "is not what it should be: expected 10 bytes, found 11 bytes",
    ),
    (
        "a layer that is said to be longer",
        |layout| spoilt(layout, |m| m["layers"][0]["size"] = json!(1 << 20)),
        "is not what it should be: expected 1048576 bytes, found ",
    ),
    (
        "a layer of sixteen exbibytes",
        |layout| spoilt(layout, |m| m["layers"][0]["size"] = json!(u64::MAX)),
        "the image is 18446744073709551615 bytes long; at most 17179869184 are accepted",
    ),
    (
        "a layer of a negative size",
        |layout| spoilt(layout, |m| m["layers"][0]["size"] = json!(-1)),
        "the manifest is not valid: invalid value: integer `-1`",
    ),
    (
        "a layer that is a text",
        |layout| {
            spoilt(layout, |m| {
                m["layers"][0]["mediaType"] = json!("text/plain");
            });
        },
        "is not valid: `text/plain` is no layer",
    ),
    (
        "a layer that is to be had elsewhere",
        |layout| {
            spoilt(layout, |m| {
                let layer = &mut m["layers"][0];
                layer["mediaType"] =
                    json!("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip");
                layer["urls"] = json!(["https://example.org/layer"]);
            });
        },
        "is no layer",
    ),
    (
        "a layer that isn't there",
        |layout| {
            spoilt(layout, |m| {
                m["layers"][0]["digest"] = json!(Digest::of(b"gone"));
            });
        },
        "it has no blobs/sha256/",
    ),
    (
        "a layer of another kind of digest",
        |layout| {
            spoilt(layout, |m| {
                m["layers"][0]["digest"] = json!("md5:d41d8cd98f00b204e9800998ecf8427e");
            });
        },
        "the manifest is not valid: ",
    ),
    (
        "a digest that is a path",
        |layout| {
            spoilt(layout, |m| {
                m["layers"][0]["digest"] = json!("sha256:../../../../etc/passwd");
            });
        },
        "the manifest is not valid: ",
    ),
    (
        "a layer too many",
        |layout| {
            spoilt(layout, |m| {
                let twice = json!([m["layers"][0], m["layers"][0]]);
                m["layers"] = twice;
            });
        },
        "is not what it should be: expected 1 layers, found 2 layers",
    ),
    (
        "a thousand layers",
        |layout| {
            let value = manifest(layout, &vec![honest(); 1000]);
            layout.list(&[layout.document(media::MANIFEST, &value)]);
        },
        "the manifest is not valid: it has 1000 layers; at most 256 are accepted",
    ),
    (
        "ten thousand layers",
        |layout| {
            let value = manifest(layout, &vec![honest(); 10_000]);
            layout.list(&[layout.document(media::MANIFEST, &value)]);
        },
        "the manifest is not valid: it has 10000 entries; at most 4096 are accepted",
    ),
    (
        "a manifest that is also an index",
        |layout| spoilt(layout, |m| m["manifests"] = json!([])),
        "it is a manifest and an index at once",
    ),
    (
        "a manifest that is listed as an index",
        |layout| {
            let value = manifest(layout, &[honest()]);
            layout.list(&[layout.document(media::INDEX, &value)]);
        },
        "the index is not valid: ",
    ),
    (
        "a key that stands twice",
        |layout| {
            let value = manifest(layout, &[honest()]).to_string();
            let twice = value.replacen("\"layers\":", "\"layers\":[],\"layers\":", 1);
            layout.put(twice.as_bytes());
            layout.list(&[descriptor(media::MANIFEST, twice.as_bytes())]);
        },
        "the manifest is not valid: duplicate field `layers`",
    ),
    (
        "a key that two programs read as two",
        |layout| spoilt(layout, |m| m["Layers"] = json!([])),
        "its key `Layers` can be read as another one",
    ),
    (
        "a manifest nested a million deep",
        |layout| {
            let deep = "[".repeat(1 << 20);
            layout.put(deep.as_bytes());
            layout.list(&[descriptor(media::MANIFEST, deep.as_bytes())]);
        },
        "the manifest is not valid: ",
    ),
    (
        "a manifest of five megabytes",
        |layout| {
            let value = manifest(layout, &[honest()]).to_string() + &" ".repeat(5 << 20);
            layout.put(value.as_bytes());
            layout.list(&[descriptor(media::MANIFEST, value.as_bytes())]);
        },
        "bytes long; at most 4194304 are accepted",
    ),
    (
        "indexes in indexes without end",
        |layout| {
            let mut listed = layout.document(media::MANIFEST, &manifest(layout, &[honest()]));
            listed["platform"] =
                json!({ "os": "linux", "architecture": Platform::host().architecture });
            for _ in 0..6 {
                listed = index_of(layout, &listed);
                listed["platform"] =
                    json!({ "os": "linux", "architecture": Platform::host().architecture });
            }
            layout.list(&[listed]);
        },
        "the index is not valid: its indexes are nested deeper than 4",
    ),
    (
        "an index without our platform",
        |layout| {
            let mut listed = layout.document(media::MANIFEST, &manifest(layout, &[honest()]));
            listed["platform"] = json!({ "os": "plan9", "architecture": "\x1b[2J" });
            layout.list(&[index_of(layout, &listed)]);
        },
        "it offers plan9/\\u{1b}[2J",
    ),
    (
        "an index of nothing",
        |layout| {
            let value = json!({ "schemaVersion": 2, "mediaType": media::INDEX, "manifests": [] });
            layout.list(&[layout.document(media::INDEX, &value)]);
        },
        "there is no image for linux/",
    ),
    (
        "a layout of nothing",
        |layout| layout.list(&[]),
        "index.json is not valid: it lists no image",
    ),
    (
        "a configuration of a hundred megabytes",
        |layout| {
            spoilt(layout, |m| m["config"]["size"] = json!(100 << 20));
        },
        "is 104857600 bytes long; at most 8388608 are accepted",
    ),
    (
        "a configuration that is no document",
        |layout| configured(layout, b"\x7fELF"),
        "the image configuration is not valid: ",
    ),
    (
        "a configuration nested a million deep",
        |layout| {
            configured(
                layout,
                format!("{{\"x\":{}", "[".repeat(1 << 20)).as_bytes(),
            );
        },
        "the image configuration is not valid: ",
    ),
    (
        "a configuration with a key twice",
        |layout| {
            let text = config(&[honest()]).to_string();
            configured(
                layout,
                text.replacen("\"os\":", "\"os\":\"linux\",\"os\":", 1)
                    .as_bytes(),
            );
        },
        "the image configuration is not valid: duplicate field `os`",
    ),
    (
        "a configuration with a key that two programs read as two",
        |layout| {
            let mut value = config(&[honest()]);
            value["config"]["USER"] = json!("root");
            configured(layout, value.to_string().as_bytes());
        },
        "its key `USER` can be read as another one",
    ),
    (
        "a configuration for another machine",
        |layout| {
            let mut value = config(&[honest()]);
            value["architecture"] = json!("pdp11");
            configured(layout, value.to_string().as_bytes());
        },
        "it offers linux/pdp11",
    ),
    (
        "an image that is a program's own artifact",
        |layout| {
            spoilt(layout, |m| {
                m["config"]["mediaType"] = json!("application/vnd.cncf.helm.config.v1+json");
            });
        },
        "it is no image but `application/vnd.cncf.helm.config.v1+json`",
    ),
];

#[test]
fn images_that_lie_are_refused_by_what_lies_and_leave_nothing() {
    let scene = Scene::new();
    let folder = scene.path("layout");
    for (n, (what, make, message)) in CASES.iter().enumerate() {
        let _ = std::fs::remove_dir_all(&folder);
        make(&Layout(&folder));
        let archive = scene.path("layout.tar");
        // Both are read by the same code from there on.
        let source = if n % 2 == 0 {
            format!("oci:{}", folder.display())
        } else {
            Layout(&folder).pack(&archive);
            format!("oci-archive:{}", archive.display())
        };
        let answer = scene.run("root", ["base", "import", "hostile:1", &source]);
        assert_eq!(answer.code(), 1, "{what}: {answer:?}");
        assert!(answer.err().contains(message), "{what}: {answer:?}");
        assert!(!answer.err().contains('\x1b'), "{what}: {answer:?}");
        assert_eq!(left(&scene), Vec::<String>::new(), "{what}");
    }
}

#[test]
fn links_and_pipes_in_a_layout_lead_nowhere() {
    let scene = Scene::new();
    let folder = scene.path("layout");
    let source = format!("oci:{}", folder.display());
    let layout = Layout(&folder);
    spoilt(&layout, |_| {});
    let layer = folder
        .join("blobs/sha256")
        .join(Digest::of(&honest().blob).hex());
    // A pipe would keep us waiting, a device never end.
    std::fs::remove_file(&layer).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &layer,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    let answer = scene.run("root", ["base", "import", "hostile:1", &source]);
    assert_eq!(answer.code(), 1, "{answer:?}");
    assert!(
        answer.err().contains("it has no blobs/sha256/"),
        "{answer:?}"
    );
    for target in ["/dev/zero", "/proc/self/environ", "/etc/passwd"] {
        std::fs::remove_file(&layer).unwrap();
        std::os::unix::fs::symlink(target, &layer).unwrap();
        let answer = scene.run("root", ["base", "import", "hostile:1", &source]);
        assert_eq!(answer.code(), 1, "{target}: {answer:?}");
    }
    assert_eq!(left(&scene), Vec::<String>::new());
}
