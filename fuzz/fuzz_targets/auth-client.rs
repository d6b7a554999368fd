//! Runs the target `auth-client` of `sockeye_testkit::fuzz` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sockeye_testkit::fuzz::run("auth-client", data));
