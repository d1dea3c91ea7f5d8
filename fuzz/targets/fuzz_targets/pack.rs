//! libFuzzer on `cordon_fuzz::pack`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::pack(data));
