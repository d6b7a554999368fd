//! Runs the target `script` of `sockeye_testkit::fuzz` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sockeye_testkit::fuzz::run("script", data));
