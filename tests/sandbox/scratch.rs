crate::everybody::for_everybody! {
    try_it: |ground| {
        let Ok(script) = std::env::var("TRY") else { return };
        for _ in 0..1 {
        let ran = ground.run(&ground.script(&script));
        println!("{ran:#?}\n{}\n{}", ran.out, ran.err);
        }
    };
}
