//! libFuzzer on `cordon_fuzz::scan_graph`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::scan_graph(data));
