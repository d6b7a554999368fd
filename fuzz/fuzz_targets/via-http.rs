//! Runs the target `via-http` of `sockeye_testkit::fuzz` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sockeye_testkit::fuzz::run("via-http", data));
