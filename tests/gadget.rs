//! What of the agent's page needs no browser, in the language that it is written in. Where there is no Node.js, nothing
//! is tried: the page itself needs none.

#![allow(clippy::unwrap_used, reason = "what cannot be run fails the test")]

use std::process::Command;

#[test]
fn the_page_s_pure_parts_keep_their_word() {
    let root = env!("CARGO_MANIFEST_DIR");
    let version = Command::new("node").arg("--version").output();
    let Some(major) = version.ok().and_then(|found| {
        let text = String::from_utf8(found.stdout).ok()?;
        text.trim_start_matches('v')
            .split('.')
            .next()?
            .parse::<u32>()
            .ok()
    }) else {
        return;
    };
    if major < 20 {
        return;
    }
    let run = Command::new("node")
        .args(["--test", "tests/gadget/pure.test.mjs"])
        .current_dir(root)
        .env("TZ", "UTC")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{told}");
    assert!(told.contains("# fail 0") || told.contains("fail 0"), "{told}");
}
