//! What the record's keeper reads from its files: taken or refused, never a panic; what is taken has one form only.

use cordon_ledger::custody::{Epochs, Order, epochs, salts};
use cordon_ledger::{Hold, Minimum, Receipt, Signer};

/// Keys and the list of epochs; signed statements (the input is signed, so that what is behind the signature is
/// reached); files of salts.
pub fn custody(data: &[u8]) {
    let places = salts::parse("salts/0", data);
    assert!(places.len() <= data.len().div_ceil(48));
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some((epoch, key)) = epochs::parse_key(text) {
        assert_eq!(epochs::key_text(epoch, &key).as_str(), text);
    }
    if let Some(all) = Epochs::from_text(text) {
        assert_eq!(all.to_text(), text);
    }
    let Ok(signer) = Signer::generate("example.com/log", [3; 32]) else { return };
    let (key, note) = (signer.verifier(), signer.sign(text));
    if let Ok(hold) = Hold::open(&note, &key) {
        assert_eq!(hold.to_text(&signer), note, "a hold has two forms");
    }
    if let Ok(receipt) = Receipt::open(&note, &key) {
        assert_eq!(receipt.to_text(&signer), note, "a receipt has two forms");
    }
    if let Ok(minimum) = Minimum::open(&note, &key) {
        assert_eq!(minimum.to_text(&signer), note, "a minimum index has two forms");
    }
    let _ = Order::open(&note, &key);
    for header in ["cordon-hold/v1", "cordon-receipt/v1", "cordon-minimum/v1", "cordon-pending/v1"] {
        let framed = signer.sign(&format!("{header}\nexample.com/log\n{text}"));
        let _ = (Hold::open(&framed, &key), Receipt::open(&framed, &key), Minimum::open(&framed, &key));
        // A statement is no checkpoint.
        assert!(cordon_ledger::Checkpoint::open(&framed, &key).is_err());
    }
}
