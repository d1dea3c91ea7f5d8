//! libFuzzer on `cordon_fuzz::wire_request`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::wire_request(data));
