//! libFuzzer on `cordon_fuzz::trust`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::trust(data));
