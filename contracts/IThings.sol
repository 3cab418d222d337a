// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @title Thing Communication, the precompile at 0x0000000000000000000000000000000000007101
/// @notice Contracts name a thing and one of its affordances; gateways do the talking, and the answer arrives as a call of
/// the contract. Things publish signed messages of their own; contracts set triggers on them, or on the time.
/// Times are unix seconds; names that end in Ms are milliseconds.
interface IThings {
    enum KeyType { Secp256k1, P256, Ed25519 }

    enum Operation { ReadProperty, WriteProperty, InvokeAction }

    /// @notice What makes a result count. Gateway: the signature of one of the request's gateways. Identical: the same
    /// bytes, signed by more than two thirds of them. Median: numbers signed by more than two thirds, of which the lower
    /// median is taken. Device: the thing's signature. Attested: an entity attestation token (COSE_Sign1) of the thing
    /// with the digest as its nonce. What changes the world has one executor: WriteProperty and InvokeAction refuse
    /// Identical and Median.
    enum Agreement { Gateway, Identical, Median, Device, Attested }

    enum Status { None, Pending, Queued, Settled, Fulfilled, Failed, Expired, Cancelled, Parked }

    enum TriggerKind { AtTime, Every, Threshold, Colocated, Encountered, Published }

    enum Comparison { Less, LessOrEqual, Equal, NotEqual, GreaterOrEqual, Greater }

    struct Request {
        bytes32 thing;
        Operation operation;
        string affordance;      // as the thing's description names it
        bytes input;            // JSON {"uriVariables": {...}, "data": ...}, or empty
        bytes32 mappingId;      // reads the answer into abi.encode(ISemantics.Observation[]); 0: the answer's bytes
        Agreement agreement;
        uint8 minGateways;      // for Identical and Median: fewer gateways than this are refused
        uint64 deadline;
        uint8 maxAttempts;
        uint32 maxResultBytes;
        bytes4 onResult;        // f(uint256 requestId, bytes result)
        bytes4 onFailure;       // f(uint256 requestId, uint16 code), or 0
        uint32 callbackGas;
        uint128 maxFeePerGas;   // wei; while gas costs more, the callback waits
    }

    struct Trigger {
        TriggerKind kind;
        bytes32 thing;          // whose observations wake it
        bytes32 otherThing;     // Colocated, Encountered
        bytes32 model;          // Threshold, Published
        bytes32 property;       // Threshold, Published (0: any)
        Comparison comparison;  // Threshold
        int256 threshold;       // Threshold, in units of 10**exponent
        int8 exponent;
        uint256 hysteresis;     // Threshold: in units of the threshold; Colocated: metres. How far back before the next firing
        uint32 radiusMetres;    // Colocated
        uint64 maxAge;          // seconds for which an observation counts
        uint64 firstTime;       // AtTime, Every
        uint64 interval;        // Every: the period; others: least time between two firings
        uint32 maxFirings;      // 0: any number
        bytes4 action;          // f(uint256 triggerId, bytes32 thing, bytes32 otherThing, int256 number, int8 exponent, uint64 timeMs)
        uint32 actionGas;
        uint128 maxFeePerGas;
    }

    /// @notice Signed by the thing: the EIP-712 struct
    /// DeviceMessage(bytes32 thing,uint64 generation,uint64 sequence,uint64 observedAtMs,bytes32 mappingId,bytes32 payloadHash)
    /// in the domain (name "Pervade", version "1", chainId, verifyingContract 0x…7101), or a COSE_Sign1 whose payload is
    /// its digest.
    struct Message { bytes32 thing; uint64 sequence; uint64 observedAtMs; bytes32 mappingId; bytes payload; bytes signature; }

    event ThingRegistered(bytes32 indexed thing, address indexed owner, string id, uint64 generation);
    event ThingUpdated(bytes32 indexed thing, bytes32 descriptionHash);
    event ThingTransferred(bytes32 indexed thing, address indexed owner);
    event KeyRotated(bytes32 indexed thing, KeyType keyType, bytes key);
    event ThingRetired(bytes32 indexed thing);
    event GatewaysAssigned(bytes32 indexed thing, address[] gateways);
    event Granted(bytes32 indexed thing, address indexed consumer, uint8 operations, uint64 expiry);
    event Requested(uint256 indexed requestId, bytes32 indexed thing, address indexed requester);
    event StatusChanged(uint256 indexed requestId, Status indexed status, uint16 code, bytes32 resultHash);
    event Published(bytes32 indexed thing, uint64 indexed sequence, bytes32 payloadHash);
    event Skipped(bytes32 indexed thing, uint64 indexed sequence, uint16 code);
    event Watched(uint256 indexed triggerId, bytes32 indexed thing, address indexed owner);
    event Triggered(uint256 indexed triggerId, uint32 firing, bool succeeded);
    event TriggerSlept(uint256 indexed triggerId);
    event Unwatched(uint256 indexed triggerId);
    event Funded(address indexed account, uint256 value);
    event Withdrawn(address indexed account, address to, uint256 value);

    error UnknownThing(bytes32 thing);
    error UnknownRequest(uint256 requestId);
    error UnknownTrigger(uint256 triggerId);
    error NotAuthorized(address caller);
    error InvalidDescription(string reason);
    error InvalidRequest(string reason);
    error InvalidProof();
    error Replayed(uint64 sequence);
    error WrongStatus(Status status);
    error TooFewGateways(uint256 gateways);
    error LimitExceeded(string what, uint256 limit);
    error Underfunded(uint256 needed);
    error CallerIsNotContract();

    /// @param key 33, 64 or 65 bytes of a curve point; 32 bytes of Ed25519
    /// @param possession the key's signature over Register(string id,address owner), so that nobody takes another's id
    /// @return thing keccak256(bytes(id))
    function register(string calldata id, KeyType keyType, bytes calldata key, bytes calldata description, bytes calldata possession) external returns (bytes32 thing);
    function update(bytes32 thing, bytes calldata description) external;
    function rotateKey(bytes32 thing, KeyType keyType, bytes calldata key) external;
    function transferThing(bytes32 thing, address owner) external;
    function retire(bytes32 thing) external;
    /// @param gateways that may serve the thing, or none for all of the chain; requests keep the gateways they began with
    function assignGateways(bytes32 thing, address[] calldata gateways) external;
    /// @param operations a bit for each: 1 << uint8(Operation); 1 << 3 to watch
    function grant(bytes32 thing, address consumer, uint8 operations, uint64 expiry) external;
    function thingOf(bytes32 thing) external view returns (string memory id, address owner, uint64 generation, KeyType keyType, bytes memory key, bytes memory description);
    function gatewaysOf(bytes32 thing) external view returns (address[] memory);
    function grantOf(bytes32 thing, address consumer) external view returns (uint8 operations, uint64 expiry);

    /// @return value what the request costs at most
    function quote(Request calldata request_) external view returns (uint256 value);
    /// @notice Sets `quote` aside, from the value sent and the caller's balance here. The rest can be withdrawn.
    function request(Request calldata request_) external payable returns (uint256 requestId);
    function cancel(uint256 requestId) external;
    /// @param signature of a gateway, which keeps the request until its thing is back
    function queue(uint256 requestId, bytes calldata signature) external;
    /// @notice Anyone may bring the proof.
    function report(uint256 requestId, uint16 code, bytes calldata result, bytes calldata proof) external;
    /// @notice Repeats a callback that failed.
    function resume(uint256 requestId) external;
    function requestOf(uint256 requestId) external view returns (address requester, Request memory request_, uint64 created);
    function statusOf(uint256 requestId) external view returns (Status status, uint16 code, bytes32 resultHash);
    function resultOf(uint256 requestId) external view returns (bytes memory result);
    function pending(bytes32 thing, uint256 cursor, uint256 limit) external view returns (uint256[] memory requestIds, uint256 next);

    function publish(Message calldata message) external;
    /// @return codes 0 for what was accepted. 1: unknown thing; 2: sequence seen before; 3: observed in the future;
    /// 4: wrong signature; 5: the mapping refuses the payload; 6: too long
    function publishBatch(Message[] calldata messages) external returns (uint16[] memory codes);
    function isPublished(bytes32 thing, uint64 sequence) external view returns (bool);

    function watch(Trigger calldata trigger) external payable returns (uint256 triggerId);
    function unwatch(uint256 triggerId) external;
    /// @notice Lets a trigger that slept for want of funds go on.
    function wake(uint256 triggerId) external payable;
    function triggerOf(uint256 triggerId) external view returns (address owner, Trigger memory trigger, uint32 firings, bool asleep);

    function fund(address account) external payable;
    function balanceOf(address account) external view returns (uint256 free, uint256 reserved);
    function withdraw(address to, uint256 value) external;
}
