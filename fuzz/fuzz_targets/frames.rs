#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| luascale_fuzz::frames(bytes));
