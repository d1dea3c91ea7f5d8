//! libFuzzer on `cordon_fuzz::advisory`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::advisory(data));
