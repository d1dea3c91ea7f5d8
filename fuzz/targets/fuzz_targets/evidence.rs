//! libFuzzer on `cordon_fuzz::evidence`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::evidence(data));
