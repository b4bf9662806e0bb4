#[test]
fn lab() {
    let draft =
        flareo::scan::database::Draft::from_toml(include_str!("../data/advisories.toml")).unwrap();
    draft
        .write(
            std::path::Path::new("/tmp/scanlab/cache"),
            "2025-11-20T00:00:00Z".parse().unwrap(),
        )
        .unwrap();
}
