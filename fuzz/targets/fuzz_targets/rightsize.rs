//! libFuzzer on `cordon_fuzz::rightsize`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::rightsize(data));
