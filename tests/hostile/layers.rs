//! Bases whose layers no honest program wrote: refused by the name of the entry when they are imported, whatever they
//! come in, and nothing of them is left.

use super::left;
use super::tape::{Layer, Layout, Tape, config, docker_archive, gzip};
use crate::support::{Answer, Scene};
use flareo::oci::media;

fn layout(scene: &Scene, layers: &[Layer]) -> std::path::PathBuf {
    let path = scene.path("layout");
    let _ = std::fs::remove_dir_all(&path);
    let layout = Layout(&path);
    let manifest = layout.manifest(config(layers).to_string().as_bytes(), layers);
    layout.list(&[manifest]);
    path
}

fn import(scene: &Scene, source: &str) -> Answer {
    scene.run("root", ["base", "import", "hostile:1", source])
}

/// Imports an image of one honest layer and `layer`, by one transport or another.
fn somehow(scene: &Scene, layer: &Layer, n: usize) -> (&'static str, Answer) {
    let honest = Layer::gzip(&Tape::default().file("honest", b"x").end());
    let layers = [honest, layer.clone()];
    let archive = scene.path("archive.tar");
    let (transport, path) = match n % 3 {
        0 => ("oci", layout(scene, &layers)),
        1 => {
            Layout(&layout(scene, &layers)).pack(&archive);
            ("oci-archive", archive)
        }
        _ => {
            docker_archive(&archive, &layers);
            ("docker-archive", archive)
        }
    };
    let source = format!("{transport}:{}", path.display());
    (transport, import(scene, &source))
}

#[test]
fn layers_that_no_honest_program_wrote_are_refused_by_name_and_leave_nothing() {
    let tape = Tape::default;
    let long = |n: usize| ["d"].repeat(n).join("/");
    let cases: Vec<(&str, Tape, &str)> = vec![
        (
            "a path that climbs",
            tape().file("../escape", b"x"),
            "`../escape` leaves the layer",
        ),
        (
            "a path that climbs inside",
            tape().folder("a").file("a/../../escape", b"x"),
            "`a/../../escape` leaves the layer",
        ),
        (
            "a PAX path that climbs",
            tape().pax("path", b"../pax").file("good", b"x"),
            "`../pax` leaves the layer",
        ),
        (
            "a whiteout that climbs",
            tape().file("../.wh.x", b""),
            "`../.wh.x` leaves the layer",
        ),
        (
            "a hard link that climbs",
            tape().hard_link("hard", "../../etc/shadow"),
            "`../../etc/shadow` leaves the layer",
        ),
        (
            "a hard link to the host",
            tape().hard_link("hard", "/etc/shadow"),
            "`hard` is a hard link to `etc/shadow`, which is no file of the same layer",
        ),
        (
            "a hard link through a link",
            tape()
                .symlink("way", "/etc")
                .hard_link("hard", "way/shadow"),
            "`hard` is a hard link to `way/shadow`, which is no file of the same layer",
        ),
        (
            "a hard link to a folder",
            tape().folder("d").hard_link("hard", "d"),
            "`hard` is a hard link to `d`, which is no file of the same layer",
        ),
        (
            "a hard link in place of the folder that its file is in",
            tape().file("d/f", b"x").hard_link("d", "d/f"),
            "`d` is a hard link to `d/f`, which is no file of the same layer",
        ),
        (
            "a hard link below its own file",
            tape().file("f", b"x").hard_link("f/g", "f"),
            "`f/g` is a hard link to `f`, which is no file of the same layer",
        ),
        (
            "a root that is a hard link",
            tape().file("f", b"x").hard_link("./", "f"),
            "`` is no path that a layer can have",
        ),
        (
            "a whiteout of nothing",
            tape().file("d/.wh.", b""),
            "`d/.wh.` is no path that a layer can have",
        ),
        (
            "a whiteout of the folder above",
            tape().file("d/.wh...", b""),
            "`d/.wh...` is no path that a layer can have",
        ),
        (
            "a file in what is gone",
            tape().file("d/.wh.gone/f", b"x"),
            "`d/.wh.gone/f` is no path that a layer can have",
        ),
        (
            "a link to nothing",
            tape().symlink("empty", ""),
            "`empty` is no path that a layer can have",
        ),
        (
            "a folder too deep",
            tape().pax("path", long(1100).as_bytes()).folder("x"),
            "is no path that a layer can have",
        ),
        (
            "a path too long",
            tape()
                .pax(
                    "path",
                    ["d".repeat(250).as_str()].repeat(17).join("/").as_bytes(),
                )
                .folder("x"),
            "is no path that a layer can have",
        ),
        (
            "a name too long",
            tape().pax("path", &[b'n'; 256]).folder("x"),
            "is no path that a layer can have",
        ),
        (
            "an owner that is none",
            tape().pax("uid", b"4294967295").file("f", b"x"),
            "`f` has an owner that is no user or group",
        ),
        (
            "a size of eight exbibytes",
            tape().entry(
                "huge",
                b'0',
                "",
                b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff",
                b"x",
            ),
            "the archive ends in the middle of an entry",
        ),
        (
            "a negative size",
            tape().entry("minus", b'0', "", &[0xff; 12], b"x"),
            "the archive has a damaged header at byte 0",
        ),
        (
            "a PAX size past the end of numbers",
            tape()
                .pax("size", b"18446744073709551615")
                .file("huge", b"x"),
            "the archive has a damaged header at byte 1024",
        ),
        (
            "a sparse file of old GNU tar",
            tape().bare("holes", b'S', ""),
            "the archive has an entry of type `S` at byte 0, which is not supported",
        ),
        (
            "a sparse file of PAX",
            tape()
                .pax("GNU.sparse.realsize", b"99999999999")
                .file("holes", b"x"),
            "the archive has a damaged header at byte 0",
        ),
        (
            "a name of four gigabytes",
            tape().entry("././@LongLink", b'L', "", b"40000000000\0", b"x"),
            "the archive has a path of 4294967296 bytes at byte 0; at most 65536 are accepted",
        ),
        (
            "a PAX header of a gigabyte",
            tape().entry("pax", b'x', "", b"10000000000\0", b"x"),
            "the archive has a PAX header of 1073741824 bytes at byte 0; at most 1048576 are accepted",
        ),
        (
            "PAX headers without end",
            (0..70)
                .fold(tape(), |tape, _| tape.pax("comment", b"x"))
                .file("f", b"x"),
            "the archive has more than 64 headers for one entry at byte",
        ),
        (
            "an entry cut off",
            tape().entry("torn", b'0', "", b"00000010000\0", b"short"),
            "the archive ends in the middle of an entry",
        ),
        (
            "a name with a terminal's escape",
            tape().file("../\x1b]0;owned\x07", b"x"),
            "`../\\u{1b}]0;owned\\u{7}` leaves the layer",
        ),
    ];
    let scene = Scene::new();
    for (n, (what, tape, message)) in cases.into_iter().enumerate() {
        let layer = Layer::gzip(&tape.end());
        let (transport, answer) = somehow(&scene, &layer, n);
        assert_eq!(answer.code(), 1, "{what} by {transport}: {answer:?}");
        let said = answer.err();
        assert!(said.contains(message), "{what} by {transport}: {answer:?}");
        if transport != "docker-archive" {
            // There the blob is ours.
            let digest = flareo::model::Digest::of(&layer.blob);
            assert!(
                said.contains(&format!("layer {digest}: ")),
                "{what}: {answer:?}"
            );
        }
        assert!(
            said.contains("no build could stand on it: take another image"),
            "{what} by {transport}: {answer:?}"
        );
        assert_eq!(left(&scene), Vec::<String>::new(), "{what} by {transport}");
    }
    let list = scene.json("root", ["base", "list"]);
    assert!(!list.to_string().contains("hostile"), "{list}");
}

#[test]
fn layers_that_are_packed_to_deceive_are_refused_and_leave_nothing() {
    let tar = Tape::default().file("f", &[b'x'; 5000]).end();
    let whole = gzip(&tar);
    let cut = whole[..whole.len() - 9].to_vec();
    let mut wrong_sum = whole.clone();
    let at = wrong_sum.len() - 8;
    wrong_sum[at] ^= 1;
    let rubbish = [&whole[..], b"and then some"].concat();
    let zstd = zstd::encode_all(&tar[..], 3).unwrap();
    // A frame whose window would take two gibibytes of memory.
    let wide = [&b"\x28\xb5\x2f\xfd\x00\xa8"[..], &[1, 0, 0]].concat();
    let cases = [
        ("a gzip cut off", media::LAYER_GZIP, cut, "is not valid: "),
        (
            "a gzip with a wrong sum",
            media::LAYER_GZIP,
            wrong_sum,
            "is not valid: ",
        ),
        (
            "a gzip and rubbish",
            media::LAYER_GZIP,
            rubbish,
            "is not valid: ",
        ),
        (
            "a zstd cut off",
            media::LAYER_ZSTD,
            zstd[..zstd.len() - 5].to_vec(),
            "is not valid: ",
        ),
        (
            "a zstd with a wide window",
            media::LAYER_ZSTD,
            wide,
            "is not valid: ",
        ),
        (
            "a gzip that says it is a zstd",
            media::LAYER_ZSTD,
            whole.clone(),
            "is not valid: ",
        ),
        (
            "a gzip that says it is a tar",
            media::LAYER_TAR,
            whole,
            "is not what it should be: expected ",
        ),
    ];
    let scene = Scene::new();
    for (what, media_type, blob, message) in cases {
        let digest = flareo::model::Digest::of(&blob);
        let layer = Layer::packed(media_type, blob, &tar);
        let folder = layout(&scene, &[layer]);
        let answer = import(&scene, &format!("oci:{}", folder.display()));
        assert_eq!(answer.code(), 1, "{what}: {answer:?}");
        let said = answer.err();
        assert!(
            said.contains(&format!("layer {digest} {message}")),
            "{what}: {answer:?}"
        );
        assert_eq!(left(&scene), Vec::<String>::new(), "{what}");
    }
}

#[test]
fn odd_but_honest_layers_come_in_in_every_packing() {
    let tar = Tape::default().file("f", &[b'x'; 5000]).end();
    let scene = Scene::new();
    let half = tar.len() / 2;
    let members = [gzip(&tar[..half]), gzip(&tar[half..])].concat();
    let frames = [
        zstd::encode_all(&tar[..half], 1).unwrap(),
        // A frame to be passed over.
        b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec(),
        zstd::encode_all(&tar[half..], 1).unwrap(),
    ]
    .concat();
    for layer in [
        Layer::plain(&tar),
        Layer::packed(media::LAYER_GZIP, members, &tar),
        Layer::packed(media::LAYER_ZSTD, frames, &tar),
        // Without an end, and with much of one.
        Layer::gzip(&tar[..tar.len() - 1024]),
        Layer::gzip(&[&tar[..], &[0; 20_000]].concat()),
    ] {
        let folder = layout(&scene, &[layer]);
        let answer = import(&scene, &format!("oci:{}", folder.display()));
        assert_eq!(answer.code(), 0, "{answer:?}");
    }
}
