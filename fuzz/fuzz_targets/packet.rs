//! Runs the target `packet` of `sockeye_testkit::fuzz` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sockeye_testkit::fuzz::run("packet", data));
