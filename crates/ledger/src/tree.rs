//! Merkle tree mathematics (RFC 6962 section 2.1): hashes, roots, inclusion and consistency proofs.
//!
//! What always holds: a leaf is hashed behind 0x00, a node behind 0x01, so that neither poses as the other.
//! No I/O: proofs ask a [`Nodes`] for the hashes of whole subtrees.

use ring::digest::{Context, SHA256};

/// A SHA-256 hash in the tree.
pub type Hash = [u8; 32];

/// SHA-256 of the parts, one behind the other. By ring, which is twice as fast as others where the processor has no
/// instructions for it: every entry is hashed twice.
pub(crate) fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut hash = Hash::default();
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// The root of the empty tree: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// A leaf's hash.
#[must_use]
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    sha256(&[&[0], bytes])
}

/// A node's hash.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

/// The root over subtrees of one height, left to right; of no subtrees that of the empty tree.
#[must_use]
pub fn fold(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => empty_root(),
        [one] => *one,
        many => {
            let (left, right) = many.split_at(many.len().next_power_of_two() / 2);
            node_hash(&fold(left), &fold(right))
        }
    }
}

/// Hashes of whole subtrees: the `index`-th one of `2^level` leaves.
pub trait Nodes {
    /// Why a hash cannot be had.
    type Error;
    /// The hash of the `index`-th whole subtree of `2^level` leaves.
    fn node(&mut self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// The largest power of two below `n` (for `n` > 1): where a tree of `n` leaves splits.
const fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// The root of the leaves from `start`, `n` of them; `start` is a multiple of the power of two above.
/// Of no leaves it is the empty root.
pub fn subtree<N: Nodes>(nodes: &mut N, start: u64, n: u64) -> Result<Hash, N::Error> {
    if n == 0 {
        return Ok(empty_root());
    }
    if n.is_power_of_two() {
        return nodes.node(n.ilog2(), start >> n.ilog2());
    }
    let k = split(n);
    let left = subtree(nodes, start, k)?;
    let right = subtree(nodes, start + k, n - k)?;
    Ok(node_hash(&left, &right))
}

/// The inclusion proof of leaf `index` in the tree of `size` leaves, lowest hash first (RFC 6962 2.1.1).
/// Empty when there is no such leaf.
pub fn inclusion<N: Nodes>(nodes: &mut N, index: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let (mut start, mut n, mut proof) = (0, size, Vec::new());
    if index >= size {
        return Ok(proof);
    }
    while n > 1 {
        let k = split(n);
        if index - start < k {
            proof.push(subtree(nodes, start + k, n - k)?);
            n = k;
        } else {
            proof.push(subtree(nodes, start, k)?);
            start += k;
            n -= k;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The consistency proof from `old` to `size` leaves (RFC 6962 2.1.2). Empty when `old` is 0 or `size`.
pub fn consistency<N: Nodes>(nodes: &mut N, old: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let mut proof = Vec::new();
    if old == 0 || old >= size {
        return Ok(proof);
    }
    let (mut start, mut n, mut m, mut whole) = (0, size, old, true);
    while m != n {
        let k = split(n);
        if m <= k {
            proof.push(subtree(nodes, start + k, n - k)?);
            n = k;
        } else {
            proof.push(subtree(nodes, start, k)?);
            start += k;
            n -= k;
            m -= k;
            whole = false;
        }
    }
    if !whole {
        proof.push(subtree(nodes, start, n)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The root that an inclusion proof leads to (RFC 9162 2.1.3.2); `None` when its length is wrong.
#[must_use]
pub fn root_by_inclusion(leaf: Hash, index: u64, size: u64, proof: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in proof {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

/// Whether a consistency proof connects two roots (RFC 9162 2.1.4.2).
#[must_use]
pub fn consistent(old: u64, old_root: &Hash, size: u64, root: &Hash, proof: &[Hash]) -> bool {
    if old > size {
        return false;
    }
    if old == size {
        return proof.is_empty() && old_root == root;
    }
    if old == 0 {
        return proof.is_empty() && *old_root == empty_root();
    }
    let mut rest = proof.iter();
    let first = if old.is_power_of_two() { Some(old_root) } else { rest.next() };
    let Some(first) = first else { return false };
    let (mut at, mut last) = (old - 1, size - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut before, mut after) = (*first, *first);
    for hash in rest {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            before = node_hash(hash, &before);
            after = node_hash(hash, &after);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            after = node_hash(&after, hash);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && before == *old_root && after == *root
}
