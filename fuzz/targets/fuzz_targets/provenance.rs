//! libFuzzer on `cordon_fuzz::provenance`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::provenance(data));
