// The base contracts and examples of contracts/, compiled and run on a development node. Devices and gateways sign with
// ethers; nobody but them and the contracts' authors sends a transaction.
import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { HDNodeWallet, JsonRpcProvider, Mnemonic, Wallet, hexlify, id, parseEther, toUtf8Bytes, toUtf8String } from 'ethers';
import { MNEMONIC, assert, endpoints, finish, step, until } from './report.mjs';
import { compile } from './solidity.mjs';
import { THINGS, World, encode, forged, library } from './world.mjs';

const { http } = endpoints();
// Estimates are made at price zero unless the question names one, as geth's are; then reservations and looks of triggers
// cost nothing, which they do not when the transaction runs.
class WithMargin extends JsonRpcProvider {
  async estimateGas(transaction) {
    return (await super.estimateGas(transaction)) + 300_000n;
  }
}
const provider = new WithMargin(http, undefined, { cacheTimeout: -1, pollingInterval: 50 });
const owner = HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(MNEMONIC), "m/44'/60'/0'/0/9").connect(provider);
const { chainId } = await provider.getNetwork();
const world = new World(owner, chainId);
const text = (bytes) => toUtf8String(bytes);
const refuses = (name, contract = world.things) => (error) => {
  const data = error.data ?? error.info?.error?.data;
  const parsed = [contract, world.things, world.database].map((candidate) => candidate.interface.parseError(data));
  const found = parsed.find((error) => error);
  assert.equal(found?.name ?? error.message, name);
  return true;
};
const balance = (address) => provider.getBalance(address);
const READ = 1;
const WATCH = 8;

await step('all contracts compile without a warning', () => {
  for (const folder of ['', 'examples/']) {
    const files = readdirSync(new URL(folder, library)).filter((file) => file.endsWith('.sol'));
    assert.ok(files.length > 2);
    for (const file of files) assert.match(compile(library, folder + file).bytecode, /^0x/);
  }
});

await step('a contract reads a sensor; only its gateway is believed', async () => {
  const sensor = await world.device('thermometer', { temperature: { type: 'number' } });
  const [gateway] = await world.gateways(sensor, 1);
  const contract = await world.deploy('examples/Thermometer.sol', [sensor.id]);
  await assert.rejects(contract.ask({ value: parseEther('0.1') }), refuses('NotAuthorized'));
  await world.grant(sensor, contract, READ);
  const requestId = world.requested(await (await contract.ask({ value: parseEther('0.1') })).wait());
  const result = hexlify(toUtf8Bytes('21.5'));
  const stranger = await world.answer(new Wallet(id('a stranger')), requestId, 0, result);
  await assert.rejects(world.report(requestId, 0, result, [stranger]), refuses('InvalidProof'));
  const answer = await world.answer(gateway, requestId, 0, result);
  const turned = { ...answer, signature: forged(answer.signature) };
  await assert.rejects(world.report(requestId, 0, result, [turned]), refuses('InvalidProof'));
  await world.report(requestId, 0, result, [answer]);
  await until('the reading', async () => (await contract.reading()) === '21.5');
  await assert.rejects(world.report(requestId, 0, result, [answer]), refuses('WrongStatus'));
  await assert.rejects(contract.thingResult(requestId, result), (error) => error.code === 'CALL_EXCEPTION');
  // Its author tries the callback out: as the precompile, in a question.
  const data = contract.interface.encodeFunctionData('thingResult', [7n, result]);
  await provider.call({ from: THINGS, to: await contract.getAddress(), data });
});

await step('shipping cost: one lying gateway changes nothing, two make it fail', async () => {
  const service = await world.device('carrier', { ShipmentCost: { type: 'number', uriVariables: { device: { type: 'string' } } } });
  const gateways = await world.gateways(service, 4);
  const cost = { iri: 'urn:example:cost', unit: '', exponent: -2, minimum: 0, maximum: 1000000 };
  const { mappingId } = await world.defineDocuments(
    { iri: 'urn:example:model:shipping', properties: [cost] },
    { observations: [{ property: cost.iri, value: '$.cost', required: true }] },
  );
  const contract = await world.deploy('examples/ShippingCost.sol', [service.thing, mappingId]);
  await world.grant(service, contract, READ);
  const ask = async (device) => world.requested(await (await contract.ask(device, { value: parseEther('0.1') })).wait());
  const says = async (gateway, requestId, payload) =>
    world.answer(gateways[gateway], requestId, 0, await world.read(mappingId, service.thing, payload));

  let requestId = await ask('VerticalPump');
  const { request_ } = await world.things.requestOf(requestId);
  assert.equal(text(request_.input), '{"uriVariables":{"device":"VerticalPump"}}');
  const honest = await world.read(mappingId, service.thing, { cost: 129.9 });
  const lie = await says(3, requestId, { cost: 1 });
  const answers = await Promise.all([0, 1, 2].map((gateway) => says(gateway, requestId, { cost: 129.9 })));
  await assert.rejects(world.report(requestId, 0, honest, [...answers.slice(0, 2), lie]), refuses('InvalidProof'));
  await world.report(requestId, 0, honest, answers);
  const key = id('VerticalPump');
  const found = await until('the cost', async () => {
    const cost = await contract.costOf(key);
    return cost.number > 0n && cost;
  });
  assert.deepEqual([found.number, found.exponent], [12990n, -2n]);
  assert.ok(Math.abs(Number(found.timeMs) - Date.now()) < 60_000, "the gateways' median time");

  requestId = await ask('Submarine');
  const split = [await says(0, requestId, { cost: 7 }), await says(1, requestId, { cost: 7 })];
  const liars = [await says(2, requestId, { cost: 1 }), await says(3, requestId, { cost: 2 })];
  await assert.rejects(world.report(requestId, 6, '0x', [...split, liars[0]]), refuses('InvalidProof'));
  await world.report(requestId, 6, '0x', [...split, ...liars]);
  await until('the failure', async () => (await contract.failureOf(id('Submarine'))) === 6n);
});

await step('asset tracking: together pays once, with no transaction of a user; everything else pays nothing', async () => {
  const { mappingId } = await world.define('models/position/model.json', 'models/position/owntracks.mapping.json');
  const [container, retailer] = [await world.device('container'), await world.device('retailer')];
  const supplier = new Wallet(id('the supplier')).address;
  const deadline = Math.floor(Date.now() / 1000) + 3600;
  const price = parseEther('3');
  const escrow = await world.deploy(
    'examples/AssetTracking.sol', [container.thing, retailer.thing, supplier, deadline], { value: price },
  );
  await assert.rejects(escrow.arm({ value: parseEther('0.5') }), refuses('NotAuthorized'));
  for (const device of [container, retailer]) await world.grant(device, escrow, WATCH);
  await (await escrow.arm({ value: parseEther('0.5') })).wait();

  // A degree of latitude is some 111,450 m there.
  const at = (device, metres, options = {}) => {
    const ageMs = options.ageMs ?? 0;
    const tst = Math.floor((Date.now() - ageMs) / 1000);
    const payload = { _type: 'location', lat: 63.4 + metres / 111450, lon: 10.4, tst };
    return world.message(device, payload, { mappingId, ...options });
  };
  const fired = async () => (await world.things.triggerOf(await escrow.trigger())).firings;
  await world.publish(await at(retailer, 0));
  const near = await at(container, 10, { ageMs: 70_000 });
  await world.publish(near);
  await assert.rejects(world.publish(near), refuses('Replayed'));
  const foreign = await at(container, 10, { signer: new Wallet(id('a stranger')), sequence: 900n });
  await assert.rejects(world.publish(foreign), refuses('InvalidProof'));
  await world.publish(await at(container, 500));
  await world.publish(await at(container, 51));
  assert.deepEqual([await fired(), await balance(supplier)], [0n, 0n], 'apart, stale, replayed, wrongly signed: nothing');

  const nonce = await owner.getNonce();
  await world.publish(await at(container, 49));
  await until('the payment', async () => (await balance(supplier)) === price);
  assert.equal(await owner.getNonce(), nonce + 1, 'the message, and nothing else');
  for (const metres of [55, 45, 60, 40, 69]) await world.publish(await at(container, metres));
  assert.equal(await fired(), 1n, 'jitter across the border');
  await world.publish(await at(container, 100));
  await world.publish(await at(container, 5));
  await until('the second firing', async () => (await fired()) === 2n);
  assert.equal(await balance(supplier), price, 'exactly one payment');
  await assert.rejects(escrow.refund(), (error) => error.code === 'CALL_EXCEPTION');
});

await step('encounter: each device heard the other one; one-sided, stale or wrong nonces do nothing', async () => {
  const { model, mappingId } = await world.define('examples/encounter.model.json', 'examples/encounter.mapping.json');
  const [courier, door] = [await world.device('courier'), await world.device('door')];
  const supplier = new Wallet(id('the other supplier')).address;
  const price = parseEther('1');
  const contract = await world.deploy('examples/Encounter.sol', [model, courier.thing, door.thing, supplier], { value: price });
  for (const device of [courier, door]) await world.grant(device, contract, WATCH);
  await (await contract.arm({ value: parseEther('0.5') })).wait();
  const met = async (device, other, nonce, heard, options = {}) => {
    const message = await world.message(device, { nonce, from: other.id, heard }, { mappingId, ...options });
    await world.publish(message);
    return message;
  };
  const fired = async () => (await world.things.triggerOf(await contract.trigger())).firings;
  const first = await met(courier, door, 'a1', 'b1', { ageMs: 40_000 });
  await met(door, courier, 'b1', 'a1', { ageMs: 40_000 });
  assert.equal(await fired(), 0n, 'stale');
  await assert.rejects(world.publish(first), refuses('Replayed'));
  await met(courier, door, 'a2', 'b2');
  assert.equal(await fired(), 0n, 'one-sided');
  await met(door, courier, 'b2', 'not what the courier sent');
  await until('the firing', async () => (await fired()) === 1n);
  assert.deepEqual([await contract.delivered(), await balance(supplier)], [false, 0n], 'the nonces differ');
  // Both must say it anew, later than the firing.
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await met(courier, door, 'a3', 'b3');
  await met(door, courier, 'b3', 'a3');
  await until('the payment', async () => (await balance(supplier)) === price);
  assert.equal(await contract.delivered(), true);
});

// The least of CBOR and COSE.
const bytes = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part)));
const byteString = (data) => bytes(data.length < 24 ? [0x40 + data.length] : [0x58, data.length], data);
const ed25519 = createPrivateKey({
  key: bytes(Buffer.from('302e020100300506032b657004220420', 'hex'), createHash('sha256').update('a provider').digest()),
  format: 'der', type: 'pkcs8',
});
const publicKey = createPublicKey(ed25519).export({ format: 'der', type: 'spki' }).subarray(-32);
const coseKey = bytes(Buffer.from('a4010103272006215820', 'hex'), publicKey);
function coseSign1(payload) {
  const header = byteString(Buffer.from('a10127', 'hex'));
  const toSign = bytes([0x84, 0x6a], Buffer.from('Signature1'), header, [0x40], byteString(payload));
  return bytes([0xd2, 0x84], header, [0xa0], byteString(payload), byteString(sign(null, toSign, ed25519)));
}

await step('data from outside: what a provider signed, and a file by its identifier', async () => {
  const service = await world.device('exchange', { price: { type: 'number' }, file: {} });
  const [gateway] = await world.gateways(service, 1);
  const setting = [0, service.thing, [coseKey], '0x'];
  const providerId = await world.database.setProvider.staticCall(...setting);
  await (await world.database.setProvider(...setting)).wait();
  const contract = await world.deploy('examples/TrustedData.sol', [service.thing, providerId]);
  await world.grant(service, contract, READ);
  const bring = async (requestId, result) =>
    world.report(requestId, 0, result, [await world.answer(gateway, requestId, 0, result)]);

  let requestId = world.requested(await (await contract.ask('price', { value: parseEther('0.1') })).wait());
  const signed = coseSign1(Buffer.from('{"price": 42}'));
  await assert.rejects(bring(requestId, hexlify(Buffer.from('{"price": 42}'))), refuses('InvalidEvidence'));
  signed[signed.length - 1] ^= 1;
  await assert.rejects(bring(requestId, hexlify(signed)), refuses('InvalidEvidence'));
  signed[signed.length - 1] ^= 1;
  await bring(requestId, hexlify(signed));
  await until('the price', async () => text(await contract.data()) === '{"price": 42}');

  const file = Buffer.from('terms of delivery '.repeat(100));
  const cid = bytes([1, 0x55, 0x12, 0x20], createHash('sha256').update(file).digest());
  requestId = world.requested(await (await contract.askFile(cid, 18, 17, { value: parseEther('0.1') })).wait());
  const blocks = (block) => encode(['bytes[]'], [[block]]);
  const turned = Buffer.from(file);
  turned[1000] ^= 0x20;
  // Nobody's signature is needed.
  await assert.rejects(world.report(requestId, 0, blocks(turned), []), refuses('InvalidContent'));
  await world.report(requestId, 0, blocks(file), []);
  await until('the file', async () => text(await contract.data()) === 'terms of delivery');
});

await step('upgrade: the second version has the data, the first one is shut out', async () => {
  const first = await world.deploy('examples/MyContractDB.sol', ['0x' + '00'.repeat(32)]);
  const sensor = id('urn:example:cellar');
  await (await first.register(sensor, 'cellar')).wait();
  await (await first.record(sensor, 1000n, -5n)).wait();
  const second = await world.deploy('examples/MyContractDBV2.sol', [await first.database()]);
  await assert.rejects(second.record(sensor, 2000n, 1n), refuses('NotAuthorized'));
  for (const nobody of ['0x' + '00'.repeat(20), await first.getAddress()]) {
    await assert.rejects(first.handOver(nobody), refuses('InvalidSuccessor', first));
  }
  await (await first.handOver(await second.getAddress())).wait();
  assert.deepEqual([...(await second.latest(sensor))], [1000n, -5n]);
  assert.equal((await second.sensorOf(sensor)).place, 'cellar');
  await assert.rejects(first.record(sensor, 2000n, 1n), refuses('NotAuthorized'));
  await (await second.setAlarm(sensor, 30n)).wait();
  const receipt = await (await second.record(sensor, 3000n, 31n)).wait();
  assert.ok(receipt.logs.some((log) => second.interface.parseLog(log)?.name === 'Alarm'));
  assert.deepEqual([await first.isActive(), await second.isActive()], [false, true]);
});

finish();
