// Checks an `eth_getProof` answer with the trie of the EthereumJS project, not with ours.
import { verifyMPTWithMerkleProof, createMPT } from '@ethereumjs/mpt';
import { RLP } from '@ethereumjs/rlp';
import { hexToBytes, bytesToHex, unpadBytes } from '@ethereumjs/util';
import { keccak256 } from 'ethers';
import { assert } from './report.mjs';

const quantity = (value) => unpadBytes(hexToBytes('0x' + BigInt(value).toString(16).padStart(64, '0')));

async function valueAt(root, key, nodes) {
  const trie = await createMPT({ useKeyHashing: true });
  return verifyMPTWithMerkleProof(trie, hexToBytes(root), hexToBytes(key), nodes.map(hexToBytes));
}

/// `proof`: the answer for `address`; `stateRoot`: of the header of that block. Throws when anything does not follow from the root.
export async function verifyProof(stateRoot, address, proof) {
  const account = await valueAt(stateRoot, address, proof.accountProof);
  if (account === null) {
    assert.equal(BigInt(proof.nonce), 0n);
    assert.equal(BigInt(proof.balance), 0n);
  } else {
    const expected = RLP.encode([
      quantity(proof.nonce),
      quantity(proof.balance),
      hexToBytes(proof.storageHash),
      hexToBytes(proof.codeHash),
    ]);
    assert.equal(bytesToHex(account), bytesToHex(expected), 'account leaf');
  }
  for (const slot of proof.storageProof) {
    const key = '0x' + BigInt(slot.key).toString(16).padStart(64, '0');
    const leaf = slot.proof.length === 0 ? null : await valueAt(proof.storageHash, key, slot.proof);
    const value = leaf === null ? 0n : BigInt(bytesToHex(RLP.decode(leaf)));
    assert.equal(value, BigInt(slot.value), `slot ${slot.key}`);
  }
  return keccak256(hexToBytes(proof.accountProof[0])) === stateRoot;
}
