"""web3.py against a development node; proofs are checked with py-trie, not with our own trie."""

import asyncio
import json
import pathlib
import sys
import traceback

import rlp
from eth_abi import encode
from eth_account import Account
from trie import HexaryTrie
from web3 import AsyncWeb3, Web3, WebSocketProvider
from web3.exceptions import ContractCustomError, ContractLogicError, TransactionNotFound, Web3RPCError

HTTP, WS = sys.argv[1:3]
MNEMONIC = "test test test test test test test test test test test junk"
TOKEN = json.loads((pathlib.Path(__file__).parent.parent / "contracts" / "Token.json").read_text())
THINGS = "0x0000000000000000000000000000000000007101"
SYSTEM = Account.from_key(Web3.keccak(text="pervade system account")).address
FRIEND = Web3.to_checksum_address("0x0000000000000000000000000000000000033e63")

def of_database(name, inputs, outputs=()):
    def as_parameters(types):
        return [{"name": f"p{i}", "type": kind} for i, kind in enumerate(types)]

    return {"type": "function", "name": name, "stateMutability": "view" if outputs else "nonpayable",
            "inputs": as_parameters(inputs), "outputs": as_parameters(outputs)}


DATABASE_ABI = [
    of_database("open", ["bytes32"]),
    of_database("put", ["bytes32", "bytes32", "bytes32", "bytes"]),
    of_database("slotOf", ["bytes32", "bytes32", "bytes32"], ["bytes32"]),
]

Account.enable_unaudited_hdwallet_features()
owner, spender, stuck = (Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{i}") for i in (7, 8, 9))
w3 = Web3(Web3.HTTPProvider(HTTP, request_kwargs={"timeout": 20}))
steps = []
token = None


def step(body):
    steps.append(body)
    return body


def send(account, transaction):
    """Signs with the fields that web3 fills in, sends, and returns the hash."""
    transaction = {"from": account.address, "chainId": w3.eth.chain_id, **transaction}
    transaction.setdefault("nonce", w3.eth.get_transaction_count(account.address))
    if "maxFeePerGas" not in transaction and "gasPrice" not in transaction:
        tip = w3.eth.max_priority_fee
        transaction["maxPriorityFeePerGas"] = tip
        transaction["maxFeePerGas"] = 2 * w3.eth.get_block("latest")["baseFeePerGas"] + tip
    if "gas" not in transaction:
        transaction["gas"] = w3.eth.estimate_gas(transaction)
    return w3.eth.send_raw_transaction(account.sign_transaction(transaction).raw_transaction)


def mined(transaction_hash):
    return w3.eth.wait_for_transaction_receipt(transaction_hash, timeout=20, poll_latency=0.02)


@step
def reads_the_network():
    assert w3.is_connected()
    assert w3.eth.get_balance(owner.address) > 10**18
    assert w3.eth.fee_history(4, "latest", [50])["oldestBlock"] >= 0
    assert w3.client_version


@step
def sends_ether():
    before = w3.eth.get_balance(FRIEND)
    receipt = mined(send(owner, {"to": FRIEND, "value": 999}))
    assert receipt["status"] == 1 and receipt["gasUsed"] == 21000
    assert w3.eth.get_balance(FRIEND) - before == 999
    assert w3.eth.get_balance(FRIEND, receipt["blockNumber"] - 1) == before


@step
def deploys_an_erc20():
    global token
    factory = w3.eth.contract(abi=TOKEN["abi"], bytecode=TOKEN["bytecode"])
    data = factory.constructor(10**24).data_in_transaction
    receipt = mined(send(owner, {"data": data, "value": 0}))
    token = w3.eth.contract(receipt["contractAddress"], abi=TOKEN["abi"])
    assert token.functions.symbol().call() == "PTT"
    assert token.functions.totalSupply().call() == 10**24


def call_data(function, *arguments):
    return {"to": token.address, "data": token.encode_abi(function, list(arguments)), "value": 0}


@step
def transfers_tokens_and_decodes_the_event():
    receipt = mined(send(owner, call_data("transfer", FRIEND, 31)))
    (event,) = token.events.Transfer().process_receipt(receipt)
    assert event["args"]["value"] == 31
    assert token.functions.balanceOf(FRIEND).call() == 31


@step
def reads_past_logs():
    found = token.events.Transfer().get_logs(from_block=0, argument_filters={"to": FRIEND})
    assert [event["args"]["value"] for event in found] == [31]


@step
def estimates_gas():
    estimate = token.functions.transfer(FRIEND, 1).estimate_gas({"from": owner.address})
    receipt = mined(send(owner, {**call_data("transfer", FRIEND, 1), "gas": estimate}))
    assert receipt["status"] == 1 and receipt["gasUsed"] <= estimate < receipt["gasUsed"] * 3 // 2


@step
def decodes_a_revert_reason():
    try:
        token.functions.transfer(FRIEND, 10**30).call({"from": owner.address})
    except ContractLogicError as error:
        assert "Token: balance too low" in str(error), error
    else:
        raise AssertionError("no revert")


@step
def sees_a_custom_error():
    try:
        token.functions.transferFrom(owner.address, FRIEND, 5).call({"from": spender.address})
    except (ContractCustomError, ContractLogicError) as error:
        selector = Web3.keccak(text="InsufficientAllowance(address,uint256,uint256)")[:4].hex()
        assert selector in str(error.data), error
    else:
        raise AssertionError("no revert")


@step
def replaces_a_stuck_transaction():
    nonce = w3.eth.get_transaction_count(stuck.address)
    tip = w3.eth.max_priority_fee or 1
    fee = 2 * w3.eth.get_block("latest")["baseFeePerGas"] + 2 * tip
    first = send(stuck, {"to": FRIEND, "value": 1, "nonce": nonce + 1, "gas": 21000,
                         "maxFeePerGas": fee, "maxPriorityFeePerGas": tip})
    assert w3.eth.get_transaction(first)["blockNumber"] is None
    second = send(stuck, {"to": FRIEND, "value": 2, "nonce": nonce + 1, "gas": 21000,
                          "maxFeePerGas": 2 * fee, "maxPriorityFeePerGas": 2 * tip})
    assert mined(send(stuck, {"to": FRIEND, "value": 3, "nonce": nonce}))["status"] == 1
    assert mined(second)["status"] == 1
    try:
        w3.eth.get_transaction(first)
    except TransactionNotFound:
        pass
    else:
        raise AssertionError("the replaced transaction is still there")
    try:
        send(stuck, {"to": FRIEND, "value": 3, "nonce": nonce, "gas": 21000})
    except Web3RPCError as error:
        assert "nonce too low" in str(error), error
    else:
        raise AssertionError("an old nonce was taken")


@step
def follows_heads_and_logs_by_websocket():
    async def follow():
        async with AsyncWeb3(WebSocketProvider(WS)) as socket:
            heads = await socket.eth.subscribe("newHeads")
            logs = await socket.eth.subscribe("logs", {"address": token.address})
            receipt = await asyncio.to_thread(lambda: mined(send(owner, call_data("transfer", FRIEND, 78))))
            waiting = {heads, logs}
            async for message in socket.socket.process_subscriptions():
                result = message["result"]
                if message["subscription"] == heads and result["number"] == receipt["blockNumber"]:
                    waiting.discard(heads)
                if message["subscription"] == logs and int.from_bytes(bytes(result["data"]), "big") == 78:
                    waiting.discard(logs)
                if not waiting:
                    return

    asyncio.run(asyncio.wait_for(follow(), 20))


def leaf(root, key, nodes):
    """The value under keccak(key) that the nodes prove, or b'' for proven absence."""
    return HexaryTrie.get_from_proof(root, Web3.keccak(key), [rlp.decode(bytes(node)) for node in nodes])


@step
def a_foreign_trie_accepts_the_proofs():
    block = w3.eth.get_block("latest")
    for address in (token.address, owner.address, Web3.to_checksum_address("0x" + "34" * 20)):
        proof = w3.eth.get_proof(address, [2, 9], block["number"])
        account = leaf(bytes(block["stateRoot"]), bytes.fromhex(address[2:]), proof["accountProof"])
        if account == b"":
            assert proof["nonce"] == 0 and proof["balance"] == 0
            continue
        expected = [rlp.sedes.big_endian_int.serialize(proof["nonce"]), rlp.sedes.big_endian_int.serialize(proof["balance"]),
                    bytes(proof["storageHash"]), bytes(proof["codeHash"])]
        assert rlp.decode(account) == expected
        for slot in proof["storageProof"]:
            key = int.from_bytes(bytes(slot["key"]), "big") if not isinstance(slot["key"], int) else slot["key"]
            found = leaf(bytes(proof["storageHash"]), key.to_bytes(32, "big"), slot["proof"]) if slot["proof"] else b""
            value = int.from_bytes(rlp.decode(found), "big") if found else 0
            assert value == int.from_bytes(bytes(slot["value"]), "big"), slot
    supply = w3.eth.get_proof(token.address, [2], block["number"])["storageProof"][0]["value"]
    assert int.from_bytes(bytes(supply), "big") == 10**24


@step
def decodes_what_the_protocol_itself_sent():
    # Made by what other clients asked of things before.
    logs = w3.eth.get_logs({"address": THINGS, "fromBlock": 0})
    sent = [w3.eth.get_transaction(log["transactionHash"]) for log in logs]
    found = [transaction for transaction in sent if transaction["from"] == SYSTEM]
    assert found, "there is none"
    for transaction in found[:8]:
        assert (transaction["type"], transaction["gasPrice"], transaction["to"]) == (0, 0, THINGS)
        number = rlp.sedes.big_endian_int.serialize
        whole = [number(transaction[name]) for name in ("nonce", "gasPrice", "gas")]
        whole += [bytes.fromhex(THINGS[2:]), number(transaction["value"]), bytes(transaction["input"]), number(transaction["v"])]
        whole += [number(int.from_bytes(bytes(transaction[name]), "big")) for name in ("r", "s")]
        raw = rlp.encode(whole)
        assert Web3.keccak(raw) == transaction["hash"]
        assert Account.recover_transaction(raw) == SYSTEM
        assert w3.eth.get_transaction_receipt(transaction["hash"])["status"] == 1


@step
def a_foreign_trie_finds_rows_of_the_contract_database():
    contract = w3.eth.contract(Web3.to_checksum_address("0x" + "7102".rjust(40, "0")), abi=DATABASE_ABI)

    def write(function, *arguments):
        data = contract.encode_abi(function, list(arguments))
        assert mined(send(owner, {"to": contract.address, "data": data, "value": 0}))["status"] == 1

    salt, table = Web3.keccak(text="web3.py"), Web3.keccak(text="a table")
    database = Web3.keccak(encode(["address", "bytes32"], [owner.address, salt]))
    write("open", salt)
    rows = {text: Web3.keccak(text=text) for text in ("short", "long", "absent")}
    short, long = b"21.5 degrees", bytes(range(256)) * 4
    write("put", database, table, rows["short"], short)
    write("put", database, table, rows["long"], long)
    # What the book says of a row's slot, from the value alone.
    expected = {
        "short": int.from_bytes(short.ljust(31, b"\0") + bytes([2 * len(short)]), "big"),
        "long": int.from_bytes(Web3.keccak(long), "big"),
        "absent": 0,
    }
    block = w3.eth.get_block("latest")
    for name, key in rows.items():
        slot = contract.functions.slotOf(database, table, key).call()
        proof = w3.eth.get_proof(contract.address, [int.from_bytes(slot, "big")], block["number"])
        account = rlp.decode(leaf(bytes(block["stateRoot"]), bytes.fromhex(contract.address[2:]), proof["accountProof"]))
        found = leaf(account[2], bytes(slot), proof["storageProof"][0]["proof"])
        assert int.from_bytes(rlp.decode(found) if found else b"", "big") == expected[name], name


def main():
    failed = 0
    for body in steps:
        name = body.__name__.replace("_", " ")
        try:
            body()
            print(f"ok   {name}", flush=True)
        except Exception:  # any failure of a step is a failed test; the others go on
            failed += 1
            print(f"FAIL {name}: {traceback.format_exc()}", flush=True)
    print(f"{len(steps) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
