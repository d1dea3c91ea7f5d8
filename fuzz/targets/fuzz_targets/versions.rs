//! libFuzzer on `cordon_fuzz::versions`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::versions(data));
