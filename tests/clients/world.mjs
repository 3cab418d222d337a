// What stands around contracts in tests: devices that sign, gateways that report, models and mappings.
import { readFileSync } from 'node:fs';
import { AbiCoder, Contract, ContractFactory, Signature, Wallet, hexlify, id, keccak256, toUtf8Bytes } from 'ethers';
import { compile } from './solidity.mjs';

export const library = new URL('../../contracts/', import.meta.url);
const coder = AbiCoder.defaultAbiCoder();
export const encode = (types, values) => coder.encode(types, values);

const address = (last) => '0x000000000000000000000000000000000000710' + last;
export const THINGS = address(1);
const zero32 = '0x' + '00'.repeat(32);

export const OBSERVATIONS =
  'tuple(bytes32 subject, bytes32 property, uint8 kind, int256 number, int8 exponent, bytes data, string unit, uint64 timeMs)[]';
const PROOF = ['address', 'tuple(uint32 attempt, uint16 code, bytes result, bytes32 resultHash, uint64 observedAtMs, bytes signature)[]'];

const STRUCTS = {
  Register: [{ name: 'id', type: 'string' }, { name: 'owner', type: 'address' }],
  DeviceMessage: [
    { name: 'thing', type: 'bytes32' }, { name: 'generation', type: 'uint64' }, { name: 'sequence', type: 'uint64' },
    { name: 'observedAtMs', type: 'uint64' }, { name: 'mappingId', type: 'bytes32' }, { name: 'payloadHash', type: 'bytes32' },
  ],
  Answer: [
    { name: 'requestId', type: 'uint256' }, { name: 'attempt', type: 'uint32' }, { name: 'code', type: 'uint16' },
    { name: 'resultHash', type: 'bytes32' }, { name: 'observedAtMs', type: 'uint64' },
  ],
};

/// The precompiles, as the account that owns the things calls them.
export class World {
  constructor(owner, chainId) {
    this.owner = owner;
    this.domain = { name: 'Pervade', version: '1', chainId, verifyingContract: THINGS };
    const at = (file, last) => new Contract(address(last), compile(library, file).abi, owner);
    this.things = at('IThings.sol', 1);
    this.database = at('IContractDatabase.sol', 2);
    this.semantics = at('ISemantics.sol', 3);
  }

  sign(signer, struct, value) {
    return signer.signTypedData(this.domain, { [struct]: STRUCTS[struct] }, value);
  }

  async deploy(file, inputs, overrides = {}) {
    const { abi, bytecode } = compile(library, file);
    const deployed = await new ContractFactory(abi, bytecode, this.owner).deploy(...inputs, overrides);
    await deployed.waitForDeployment();
    return deployed;
  }

  /// A registered device. Its key is a function of its name.
  async device(name, properties = {}) {
    const signer = new Wallet(id(name));
    const device = { id: `urn:example:${name}`, signer, sequence: 0n, properties };
    device.thing = id(device.id);
    const form = (property) => [property, { ...properties[property], forms: [{ href: `https://example.com/${property}` }] }];
    const description = JSON.stringify({
      '@context': 'https://www.w3.org/2022/wot/td/v1.1', id: device.id, title: name,
      securityDefinitions: { none: { scheme: 'nosec' } }, security: 'none',
      properties: Object.fromEntries(Object.keys(properties).map(form)),
    });
    const possession = await this.sign(signer, 'Register', { id: device.id, owner: this.owner.address });
    const key = signer.signingKey.compressedPublicKey;
    await (await this.things.register(device.id, 0, key, toUtf8Bytes(description), possession)).wait();
    return device;
  }

  /// Lets a contract use a device: bits of operations.
  async grant(device, contract, operations) {
    await (await this.things.grant(device.thing, await contract.getAddress(), operations, 2n ** 64n - 1n)).wait();
  }

  /// Gateways of a device, each with a key of its own.
  async gateways(device, count) {
    const gateways = Array.from({ length: count }, (_, index) => new Wallet(id(`${device.id} gateway ${index}`)));
    await (await this.things.assignGateways(device.thing, gateways.map((gateway) => gateway.address))).wait();
    return gateways;
  }

  /// What a device publishes: signed, with the next sequence unless one is given.
  async message(device, payload, { ageMs = 0, mappingId = zero32, signer = device.signer, sequence = ++device.sequence } = {}) {
    const bytes = toUtf8Bytes(typeof payload === 'string' ? payload : JSON.stringify(payload));
    const observedAtMs = BigInt(Date.now() - ageMs);
    const value = { thing: device.thing, generation: 1n, sequence, observedAtMs, mappingId, payloadHash: keccak256(bytes) };
    const signature = await this.sign(signer, 'DeviceMessage', value);
    return { thing: device.thing, sequence, observedAtMs, mappingId, payload: hexlify(bytes), signature };
  }

  async publish(message) {
    return (await this.things.publish(message)).wait();
  }

  /// A gateway's word about a request.
  async answer(gateway, requestId, code, result, observedAtMs = BigInt(Date.now())) {
    const value = { requestId, attempt: 1, code, resultHash: keccak256(result), observedAtMs };
    return { ...value, result: '0x', signature: await this.sign(gateway, 'Answer', value) };
  }

  /// Reports; the transaction goes to whoever `relay` connects to, by default the owner.
  async report(requestId, code, result, answers) {
    const proof = encode(PROOF, [this.owner.address, answers]);
    return (await this.things.report(requestId, code, result, proof)).wait();
  }

  /// The request that a transaction made.
  requested(receipt) {
    const logs = receipt.logs.map((log) => this.things.interface.parseLog(log)).filter(Boolean);
    return logs.find((log) => log.name === 'Requested').args.requestId;
  }

  /// Defines a model and a JSON mapping; answers both identifiers.
  async define(modelFile, mappingFile) {
    const read = (file) => JSON.parse(readFileSync(new URL(file, library)));
    return this.defineDocuments(read(modelFile), read(mappingFile));
  }

  async defineDocuments(model, mapping) {
    const kinds = ['Number', 'Text', 'Bool', 'Bytes', 'Position'];
    const limit = 2n ** 255n;
    const scaled = (value, exponent) => BigInt(Math.round(value / 10 ** exponent));
    const properties = model.properties.map(({ iri, kind = 'Number', unit = '', exponent = 0, minimum, maximum }) => ({
      property: id(iri), iri, kind: kinds.indexOf(kind), unit, exponent,
      minimum: minimum === undefined ? -limit : scaled(minimum, exponent),
      maximum: maximum === undefined ? limit - 1n : scaled(maximum, exponent),
    }));
    const modelId = await this.semantics.defineModel.staticCall(model.iri, properties);
    await (await this.semantics.defineModel(model.iri, properties)).wait();
    const program = toUtf8Bytes(JSON.stringify(mapping));
    const mappingId = await this.semantics.defineMapping.staticCall(modelId, 0, program);
    await (await this.semantics.defineMapping(modelId, 0, program)).wait();
    return { model: modelId, mappingId };
  }

  /// What gateways sign for a request with a mapping. An observation without a time of its own has time 0.
  async read(mappingId, thing, payload) {
    const found = await this.semantics.normalize.staticCall(mappingId, thing, toUtf8Bytes(JSON.stringify(payload)));
    const observations = found.map((said) => ({ ...said.toObject(true), timeMs: 0n }));
    return encode([OBSERVATIONS], [observations]);
  }
}

/// The same signature with one bit turned.
export function forged(signature) {
  const { r, s, v } = Signature.from(signature);
  const last = (parseInt(r.slice(-1), 16) ^ 1).toString(16);
  return r.slice(0, -1) + last + s.slice(2) + v.toString(16);
}
