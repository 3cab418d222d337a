// What the protocol itself does, as unmodified libraries see it: transactions of the system account, things and requests.
import {
  HDNodeWallet, JsonRpcProvider, Mnemonic, Transaction, Wallet, WebSocketProvider, hexlify, id, keccak256, parseEther,
  toQuantity, toUtf8Bytes,
} from 'ethers';
import { createPublicClient, http as httpTransport, keccak256 as hashOf, recoverTransactionAddress, serializeTransaction } from 'viem';
import { MNEMONIC, assert, endpoints, finish, step, until } from './report.mjs';
import { THINGS, World } from './world.mjs';

const { http, ws } = endpoints();
// Estimates at price zero do not see what a request sets aside.
class WithMargin extends JsonRpcProvider {
  async estimateGas(transaction) {
    return (await super.estimateGas(transaction)) + 300_000n;
  }
}
const provider = new WithMargin(http, undefined, { cacheTimeout: -1, pollingInterval: 50 });
const owner = HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(MNEMONIC), "m/44'/60'/0'/0/3").connect(provider);
const { chainId } = await provider.getNetwork();
const world = new World(owner, chainId);
// Its private key is no secret: whoever has it can do nothing with it.
const system = new Wallet(keccak256(toUtf8Bytes('pervade system account')));
const READ = 1;
const FULFILLED = 4;
const result = hexlify(toUtf8Bytes('21.5'));
let sensor, contract, requestId, hash;

await step('a request is told to who subscribes, from the question to its callback', async () => {
  const socket = new WebSocketProvider(ws);
  await socket.getNetwork();
  const told = [];
  sensor = await world.device('barometer', { temperature: { type: 'number' } });
  const [gateway] = await world.gateways(sensor, 1);
  contract = await world.deploy('examples/Thermometer.sol', [sensor.id]);
  await world.grant(sensor, contract, READ);
  socket.websocket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(data);
    if (message.method === 'pervade_subscription') told.push(message.params.result);
  });
  await socket.send('pervade_subscribe', ['requests', { thing: sensor.thing }]);
  requestId = world.requested(await (await contract.ask({ value: parseEther('0.1') })).wait());
  await world.report(requestId, 0, result, [await world.answer(gateway, requestId, 0, result)]);
  await until('the callback', () => told.some((one) => one.status === 'fulfilled'));
  assert.deepEqual(told.map((one) => one.status), ['pending', 'settled', 'fulfilled']);
  assert.ok(told.every((one) => BigInt(one.requestId) === requestId && one.thing === sensor.thing));
  assert.equal(told[2].requester.toLowerCase(), (await contract.getAddress()).toLowerCase());
  hash = told[2].transactionHash;
  await socket.destroy();
});

await step('things and requests are told by name and number', async () => {
  const thing = await provider.send('pervade_getThing', [sensor.thing]);
  assert.equal(thing.id, sensor.id);
  assert.equal(thing.owner.toLowerCase(), owner.address.toLowerCase());
  assert.equal(thing.keyType, 'secp256k1');
  assert.equal(JSON.parse(thing.description).id, sensor.id);
  assert.equal(thing.gateways.length, 1);
  assert.equal(await provider.send('pervade_getThing', [id('urn:example:nobody')]), null);

  const request = await provider.send('pervade_getRequest', [toQuantity(requestId)]);
  assert.equal(request.status, 'fulfilled');
  assert.deepEqual([request.code, request.resultHash], [0, keccak256(result)]);
  assert.equal(request.affordance, 'temperature');
  assert.equal(await provider.send('pervade_getRequest', ['0xffffffff']), null);

  const open = world.requested(await (await contract.ask({ value: parseEther('0.1') })).wait());
  const { requests } = await provider.send('pervade_getRequests', [{ thing: sensor.thing }]);
  assert.deepEqual(requests.map((one) => BigInt(one.requestId)), [open], 'the open one');
  const served = await provider.send('pervade_getRequests', [{ gateway: thing.gateways[0] }]);
  assert.deepEqual(served.requests, requests);
});

await step('ethers decodes a transaction of the system account', async () => {
  const found = await provider.getTransaction(hash);
  assert.equal(found.from, system.address);
  assert.deepEqual([found.to.toLowerCase(), found.type, found.gasPrice, found.value], [THINGS, 0, 0n, 0n]);
  const { nonce, gasLimit, gasPrice, to, value, data, signature } = found;
  const rebuilt = Transaction.from({ type: 0, chainId, nonce, gasLimit, gasPrice, to, value, data, signature });
  assert.deepEqual([rebuilt.hash, rebuilt.from], [hash, system.address]);
  const receipt = await provider.getTransactionReceipt(hash);
  assert.equal(receipt.status, 1);
  const changed = receipt.logs.map((log) => world.things.interface.parseLog(log)).find((log) => log?.name === 'StatusChanged');
  assert.deepEqual([changed.args.requestId, changed.args.status], [requestId, BigInt(FULFILLED)]);
  const block = await provider.getBlock(receipt.blockNumber, true);
  assert.equal(block.prefetchedTransactions.at(-1).hash, hash, 'the end of its block');
  const index = toQuantity(receipt.index);
  const number = toQuantity(receipt.blockNumber);
  assert.equal((await provider.send('eth_getTransactionByBlockNumberAndIndex', [number, index])).hash, hash);
  assert.equal((await provider.send('eth_getTransactionByBlockHashAndIndex', [receipt.blockHash, index])).hash, hash);
});

await step('viem decodes it too', async () => {
  const client = createPublicClient({ transport: httpTransport(http) });
  const found = await client.getTransaction({ hash });
  assert.deepEqual([found.type, found.from, found.chainId], ['legacy', system.address.toLowerCase(), Number(chainId)]);
  const { nonce, gas, gasPrice, to, value, input, r, s, v } = found;
  const plain = { type: 'legacy', chainId: Number(chainId), nonce, gas, gasPrice, to, value, data: input };
  const serializedTransaction = serializeTransaction(plain, { r, s, v });
  assert.equal(hashOf(serializedTransaction), hash);
  assert.equal(await recoverTransactionAddress({ serializedTransaction }), system.address);
  assert.equal((await client.getTransactionReceipt({ hash })).status, 'success');
});

await step('nobody speaks for the system account', async () => {
  const refused = (error) => {
    assert.match(error.info?.error?.message ?? error.error?.message ?? error.message, /system account/);
    return true;
  };
  const to = await contract.getAddress();
  const nonce = await provider.getTransactionCount(system.address);
  const signed = await system.signTransaction({ type: 0, chainId, nonce, gasLimit: 100_000n, gasPrice: 10n ** 11n, to });
  await assert.rejects(provider.send('eth_sendRawTransaction', [signed]), refused);
  for (const method of ['eth_call', 'eth_estimateGas', 'eth_createAccessList']) {
    await assert.rejects(provider.send(method, [{ from: system.address, to, data: '0x' }, 'latest']), refused, method);
  }
});

finish();
