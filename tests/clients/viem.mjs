// viem against a development node.
import { readFileSync } from 'node:fs';
import {
  createPublicClient, createWalletClient, defineChain, http as httpTransport, webSocket, parseEther, parseEventLogs,
  ContractFunctionRevertedError, BaseError,
} from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import { verifyProof } from './proof.mjs';
import { MNEMONIC, assert, endpoints, finish, step, until } from './report.mjs';

const { http, ws } = endpoints();
const { abi, bytecode } = JSON.parse(readFileSync(new URL('../contracts/Token.json', import.meta.url)));
const probe = createPublicClient({ transport: httpTransport(http) });
const chain = defineChain({
  id: await probe.getChainId(),
  name: 'Development',
  nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
  rpcUrls: { default: { http: [http], webSocket: [ws] } },
});
const client = createPublicClient({ chain, transport: httpTransport(http, { batch: true }), pollingInterval: 50, cacheTime: 0 });
const wallet = (addressIndex) =>
  createWalletClient({ chain, transport: httpTransport(http), account: mnemonicToAccount(MNEMONIC, { addressIndex }) });
const [owner, spender, stuck] = [wallet(4), wallet(5), wallet(6)];
const friend = '0x000000000000000000000000000000000000f1e4';
const mined = (hash) => client.waitForTransactionReceipt({ hash, timeout: 20_000 });
let address;

await step('reads the network', async () => {
  assert.ok((await client.getBalance({ address: owner.account.address })) > parseEther('1'));
  assert.ok((await client.getGasPrice()) > 0n);
  const history = await client.getFeeHistory({ blockCount: 4, rewardPercentiles: [25, 75] });
  assert.ok(history.baseFeePerGas.length > 0);
});

await step('sends ether', async () => {
  const before = await client.getBalance({ address: friend });
  const receipt = await mined(await owner.sendTransaction({ to: friend, value: 4321n }));
  assert.equal(receipt.status, 'success');
  assert.equal(receipt.type, 'eip1559');
  assert.equal((await client.getBalance({ address: friend })) - before, 4321n);
});

await step('sends a legacy and an access-list transaction', async () => {
  const gasPrice = (await client.getGasPrice()) * 2n;
  assert.equal((await mined(await owner.sendTransaction({ to: friend, value: 1n, gasPrice, type: 'legacy' }))).type, 'legacy');
  const accessList = [{ address: friend, storageKeys: [`0x${'00'.repeat(32)}`] }];
  const receipt = await mined(await owner.sendTransaction({ to: friend, value: 1n, gasPrice, accessList, type: 'eip2930' }));
  assert.equal(receipt.type, 'eip2930');
});

await step('deploys an ERC-20', async () => {
  const receipt = await mined(await owner.deployContract({ abi, bytecode, args: [parseEther('1000')] }));
  address = receipt.contractAddress;
  assert.ok(((await client.getCode({ address })) ?? '0x').length > 100);
  assert.equal(await client.readContract({ address, abi, functionName: 'name' }), 'Pervade Test Token');
});

await step('simulates, writes and parses the event', async () => {
  const { request, result } = await client.simulateContract({
    address, abi, functionName: 'transfer', args: [friend, 55n], account: owner.account,
  });
  assert.equal(result, true);
  const receipt = await mined(await owner.writeContract(request));
  const [event] = parseEventLogs({ abi, logs: receipt.logs, eventName: 'Transfer' });
  assert.equal(event.args.value, 55n);
  assert.equal(await client.readContract({ address, abi, functionName: 'balanceOf', args: [friend] }), 55n);
});

await step('reads past events', async () => {
  const events = await client.getContractEvents({ address, abi, eventName: 'Transfer', args: { to: friend }, fromBlock: 0n });
  assert.deepEqual(events.map((event) => event.args.value), [55n]);
});

await step('reads events through a polling filter', async () => {
  const filter = await client.createContractEventFilter({ address, abi, eventName: 'Approval' });
  await mined(await owner.writeContract({ address, abi, functionName: 'approve', args: [spender.account.address, 9n] }));
  const changes = await client.getFilterChanges({ filter });
  assert.equal(changes.length, 1);
  assert.equal(changes[0].args.value, 9n);
  assert.equal((await client.getFilterLogs({ filter })).length, 1);
  assert.equal(await client.uninstallFilter({ filter }), true);
});

await step('estimates gas and creates an access list', async () => {
  const call = { address, abi, functionName: 'transfer', args: [friend, 1n], account: owner.account };
  const gas = await client.estimateContractGas(call);
  const receipt = await mined(await owner.writeContract({ ...call, gas }));
  assert.equal(receipt.status, 'success');
  const list = await client.request({
    method: 'eth_createAccessList',
    params: [{ from: owner.account.address, to: address, data: '0x18160ddd' }, 'latest'],
  });
  assert.equal(list.accessList[0].address.toLowerCase(), address.toLowerCase());
  assert.equal(BigInt(list.accessList[0].storageKeys[0]), 2n);
});

await step('decodes revert reasons', async () => {
  const fails = async (functionName, args) => {
    try {
      await client.simulateContract({ address, abi, functionName, args, account: spender.account });
    } catch (error) {
      assert.ok(error instanceof BaseError);
      return error.walk((cause) => cause instanceof ContractFunctionRevertedError);
    }
    throw new Error('no revert');
  };
  assert.equal((await fails('transfer', [friend, parseEther('1')])).reason, 'Token: balance too low');
  const custom = await fails('transferFrom', [owner.account.address, friend, 10n]);
  assert.equal(custom.data.errorName, 'InsufficientAllowance');
  assert.deepEqual(custom.data.args.slice(1), [9n, 10n]);
});

await step('overrides state in a call', async () => {
  const code = await client.getCode({ address });
  const elsewhere = '0x00000000000000000000000000000000000c0de0';
  const supply = await client.readContract({
    address: elsewhere, abi, functionName: 'totalSupply',
    stateOverride: [{ address: elsewhere, code, stateDiff: [{ slot: `0x${'00'.repeat(31)}02`, value: `0x${'00'.repeat(31)}2a` }] }],
  });
  assert.equal(supply, 42n);
});

await step('replaces a stuck transaction and reports the replacement', async () => {
  const nonce = await client.getTransactionCount({ address: stuck.account.address });
  const { maxFeePerGas, maxPriorityFeePerGas } = await client.estimateFeesPerGas();
  const base = { to: friend, gas: 21000n };
  const hash = await stuck.sendTransaction({ ...base, nonce: nonce + 1, value: 1n, maxFeePerGas, maxPriorityFeePerGas });
  const bumped = { maxFeePerGas: maxFeePerGas * 2n, maxPriorityFeePerGas: maxPriorityFeePerGas * 2n };
  const second = await stuck.sendTransaction({ ...base, nonce: nonce + 1, value: 1n, ...bumped });
  assert.notEqual(hash, second);
  await mined(await stuck.sendTransaction({ ...base, nonce, value: 1n, ...bumped }));
  assert.equal((await mined(second)).status, 'success');
  await assert.rejects(client.getTransaction({ hash }), { name: 'TransactionNotFoundError' });
});

await step('sends raw and waits in one call', async () => {
  const request = await owner.prepareTransactionRequest({ to: friend, value: 8n });
  const serializedTransaction = await owner.signTransaction(request);
  const receipt = await client.request({ method: 'eth_sendRawTransactionSync', params: [serializedTransaction] });
  assert.equal(receipt.status, '0x1');
});

await step('follows heads, logs and pending transactions by WebSocket', async () => {
  const socket = createPublicClient({ chain, transport: webSocket(ws) });
  const numbers = [];
  const values = [];
  const hashes = [];
  const stops = [
    socket.watchBlocks({ onBlock: (block) => numbers.push(block.number) }),
    socket.watchContractEvent({ address, abi, eventName: 'Transfer', onLogs: (logs) => logs.forEach((log) => values.push(log.args.value)) }),
    socket.watchPendingTransactions({ onTransactions: (list) => hashes.push(...list) }),
  ];
  // The subscriptions are on their way; this answer comes after theirs on the same connection.
  await socket.getChainId();
  await new Promise((resolve) => setTimeout(resolve, 200));
  const hash = await owner.writeContract({ address, abi, functionName: 'transfer', args: [friend, 66n] });
  const receipt = await mined(hash);
  await until('the head', () => numbers.includes(receipt.blockNumber));
  await until('the log', () => values.includes(66n));
  await until('the pending transaction', () => hashes.includes(hash));
  stops.forEach((stop) => stop());
});

await step('a foreign trie accepts the proof', async () => {
  const block = await client.getBlock();
  const slot = `0x${'00'.repeat(31)}02`;
  const proof = await client.getProof({ address, storageKeys: [slot], blockNumber: block.number });
  const plain = { ...proof, storageProof: proof.storageProof.map((entry) => ({ ...entry, value: entry.value })) };
  assert.ok(await verifyProof(block.stateRoot, address, plain));
  assert.equal(proof.storageProof[0].value, parseEther('1000'));
});

finish();
