// ethers v6 against a development node.
import { readFileSync } from 'node:fs';
import { HDNodeWallet, JsonRpcProvider, Mnemonic, WebSocketProvider, Contract, ContractFactory, NonceManager } from 'ethers';
import { verifyProof } from './proof.mjs';
import { MNEMONIC, assert, endpoints, finish, step, until } from './report.mjs';

const { http, ws } = endpoints();
const token = JSON.parse(readFileSync(new URL('../contracts/Token.json', import.meta.url)));
// `cacheTimeout: -1`: ethers otherwise answers a repeated question from its own memory for 250 ms.
const provider = new JsonRpcProvider(http, undefined, { cacheTimeout: -1, pollingInterval: 50 });
const wallet = (index) =>
  HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(MNEMONIC), `m/44'/60'/0'/0/${index}`).connect(provider);
const [owner, spender, stuck] = [wallet(0), wallet(1), wallet(2)];
const friend = '0x00000000000000000000000000000000000e7e25';
let contract;

await step('reads the network', async () => {
  const network = await provider.getNetwork();
  assert.equal(network.chainId, BigInt(await provider.send('eth_chainId', [])));
  assert.ok((await provider.getBalance(owner.address)) > 10n ** 18n);
  const fees = await provider.getFeeData();
  assert.ok(fees.maxFeePerGas > 0n);
});

await step('sends ether and waits for the receipt', async () => {
  const before = await provider.getBalance(friend);
  const sent = await owner.sendTransaction({ to: friend, value: 12345n });
  const receipt = await sent.wait();
  assert.equal(receipt.status, 1);
  assert.equal(receipt.gasUsed, 21000n);
  assert.equal((await provider.getBalance(friend)) - before, 12345n);
  const block = await provider.getBlock(receipt.blockNumber, true);
  assert.ok(block.prefetchedTransactions.some((transaction) => transaction.hash === sent.hash));
});

await step('deploys an ERC-20', async () => {
  const deployed = await new ContractFactory(token.abi, token.bytecode, owner).deploy(10n ** 24n);
  await deployed.waitForDeployment();
  contract = new Contract(await deployed.getAddress(), token.abi, owner);
  assert.equal(await contract.symbol(), 'PTT');
  assert.equal(await contract.totalSupply(), 10n ** 24n);
});

await step('transfers tokens and finds the event in the receipt', async () => {
  const receipt = await (await contract.transfer(friend, 500n)).wait();
  assert.equal(receipt.logs.length, 1);
  const event = contract.interface.parseLog(receipt.logs[0]);
  assert.equal(event.name, 'Transfer');
  assert.equal(event.args.value, 500n);
  assert.ok((await contract.balanceOf(friend)) >= 500n);
});

await step('approves and spends in the name of another', async () => {
  await (await contract.approve(spender.address, 300n)).wait();
  await (await contract.connect(spender).transferFrom(owner.address, friend, 300n)).wait();
  assert.equal(await contract.allowance(owner.address, spender.address), 0n);
});

await step('queries past logs by topic', async () => {
  const events = await contract.queryFilter(contract.filters.Transfer(owner.address, friend));
  assert.deepEqual(events.map((event) => event.args.value), [500n, 300n]);
  assert.equal((await contract.queryFilter(contract.filters.Transfer(spender.address))).length, 0);
});

await step('estimates gas close to what is used', async () => {
  const estimate = await contract.transfer.estimateGas(friend, 1n);
  const receipt = await (await contract.transfer(friend, 1n, { gasLimit: estimate })).wait();
  assert.equal(receipt.status, 1);
  assert.ok(estimate >= receipt.gasUsed && estimate < (receipt.gasUsed * 3n) / 2n, `${estimate} for ${receipt.gasUsed}`);
});

await step('decodes a revert reason of eth_call', async () => {
  await assert.rejects(contract.transfer.staticCall(friend, 10n ** 30n), (error) => {
    assert.equal(error.code, 'CALL_EXCEPTION');
    assert.equal(error.reason, 'Token: balance too low');
    return true;
  });
});

await step('decodes a custom error of estimateGas', async () => {
  await assert.rejects(contract.connect(spender).transferFrom.estimateGas(owner.address, friend, 7n), (error) => {
    assert.equal(error.code, 'CALL_EXCEPTION');
    assert.equal(contract.interface.parseError(error.data).name, 'InsufficientAllowance');
    return true;
  });
});

await step('a failed transaction has a receipt with status 0', async () => {
  const sent = await contract.transfer(friend, 10n ** 30n, { gasLimit: 100_000n });
  await assert.rejects(sent.wait(), (error) => error.code === 'CALL_EXCEPTION' && error.receipt.status === 0);
});

await step('replaces a stuck transaction', async () => {
  const nonce = await stuck.getNonce();
  const fees = await provider.getFeeData();
  const first = await stuck.sendTransaction({
    to: friend, value: 1n, nonce: nonce + 1, gasLimit: 21000n,
    maxFeePerGas: fees.maxFeePerGas, maxPriorityFeePerGas: fees.maxPriorityFeePerGas,
  });
  assert.equal(await provider.getTransactionReceipt(first.hash), null);
  await assert.rejects(
    stuck.sendTransaction({
      to: friend, value: 2n, nonce: nonce + 1, gasLimit: 21000n,
      maxFeePerGas: fees.maxFeePerGas + 1n, maxPriorityFeePerGas: fees.maxPriorityFeePerGas,
    }),
    (error) => error.code === 'REPLACEMENT_UNDERPRICED',
  );
  const second = await stuck.sendTransaction({
    to: friend, value: 2n, nonce: nonce + 1, gasLimit: 21000n,
    maxFeePerGas: fees.maxFeePerGas * 2n, maxPriorityFeePerGas: fees.maxPriorityFeePerGas * 2n,
  });
  const gap = await stuck.sendTransaction({ to: friend, value: 3n, nonce });
  assert.equal((await gap.wait()).status, 1);
  assert.equal((await second.wait()).status, 1);
  assert.equal(await provider.getTransaction(first.hash), null);
  await assert.rejects(stuck.sendTransaction({ to: friend, value: 1n, nonce }), (error) => error.code === 'NONCE_EXPIRED');
});

await step('sends many at once with a nonce manager', async () => {
  const manager = new NonceManager(wallet(3));
  const sent = await Promise.all(Array.from({ length: 10 }, (_, i) => manager.sendTransaction({ to: friend, value: BigInt(i) })));
  const receipts = await Promise.all(sent.map((transaction) => transaction.wait()));
  assert.ok(receipts.every((receipt) => receipt.status === 1));
});

await step('follows blocks and logs by WebSocket', async () => {
  const socket = new WebSocketProvider(ws);
  try {
    const heads = [];
    const values = [];
    await socket.on('block', (number) => heads.push(number));
    const live = new Contract(await contract.getAddress(), token.abi, socket);
    await live.on('Transfer', (_from, _to, value) => values.push(value));
    await socket.send('eth_chainId', []);
    const receipt = await (await contract.transfer(friend, 77n)).wait();
    await until('the head', () => heads.includes(receipt.blockNumber));
    await until('the log', () => values.includes(77n));
  } finally {
    await socket.destroy();
  }
});

await step('a foreign trie accepts the proofs', async () => {
  const block = await provider.send('eth_getBlockByNumber', ['latest', false]);
  const address = await contract.getAddress();
  const slot = (index) => '0x' + index.toString(16).padStart(64, '0');
  for (const [account, slots] of [[address, [slot(2), slot(7)]], [owner.address, []], ['0x' + '12'.repeat(20), []]]) {
    const proof = await provider.send('eth_getProof', [account, slots, block.number]);
    assert.ok(await verifyProof(block.stateRoot, account, proof));
  }
  const proof = await provider.send('eth_getProof', [address, [slot(2)], block.number]);
  assert.equal(BigInt(proof.storageProof[0].value), 10n ** 24n);
});

finish();
