//! The ABI: `contracts/IContractDatabase.sol`, with the part of `IThings.sol` that it names.
#![allow(missing_docs)]

alloy_sol_types::sol! {
    #![sol(all_derives)]

    interface IThings {
        enum Operation { ReadProperty, WriteProperty, InvokeAction }
        enum Agreement { Gateway, Identical, Median, Device, Attested }

        struct Request {
            bytes32 thing;
            Operation operation;
            string affordance;
            bytes input;
            bytes32 mappingId;
            Agreement agreement;
            uint8 minGateways;
            uint64 deadline;
            uint8 maxAttempts;
            uint32 maxResultBytes;
            bytes4 onResult;
            bytes4 onFailure;
            uint32 callbackGas;
            uint128 maxFeePerGas;
        }
    }

    interface IContractDatabase {
        enum Role { None, Writer, Admin }
        enum ProviderKind { Signed, Quorum, Attested, Content }

        event DatabaseOpened(bytes32 indexed database, address indexed admin);
        event RoleSet(bytes32 indexed database, address indexed account, Role role);
        event Written(bytes32 indexed database, bytes32 indexed table, bytes32 indexed key, bytes32 valueHash);
        event Removed(bytes32 indexed database, bytes32 indexed table, bytes32 indexed key);
        event Appended(bytes32 indexed database, bytes32 indexed series, uint64 timeMs, bytes32 valueHash);
        event ProviderSet(bytes32 indexed provider, address indexed owner, ProviderKind kind);

        error UnknownDatabase(bytes32 database);
        error AlreadyOpen(bytes32 database);
        error UnknownProvider(bytes32 provider);
        error NotAuthorized(address caller);
        error NoValue();
        error LimitExceeded(string what, uint256 limit);
        error InvalidEvidence();
        error InvalidContent();

        function open(bytes32 salt) external returns (bytes32 database);
        function setRole(bytes32 database, address account, Role role) external;
        function roleOf(bytes32 database, address account) external view returns (Role);

        function put(bytes32 database, bytes32 table, bytes32 key, bytes calldata value) external;
        function putMany(bytes32 database, bytes32 table, bytes32[] calldata keys, bytes[] calldata values) external;
        function get(bytes32 database, bytes32 table, bytes32 key) external view returns (bytes memory value);
        function getMany(bytes32 database, bytes32 table, bytes32[] calldata keys) external view returns (bytes[] memory values);
        function exists(bytes32 database, bytes32 table, bytes32 key) external view returns (bool);
        function remove(bytes32 database, bytes32 table, bytes32 key) external;
        function count(bytes32 database, bytes32 table) external view returns (uint256);
        function scan(bytes32 database, bytes32 table, uint256 cursor, uint256 limit) external view returns (bytes32[] memory keys, uint256 next);
        function slotOf(bytes32 database, bytes32 table, bytes32 key) external view returns (bytes32 slot);

        function append(bytes32 database, bytes32 series, uint64 timeMs, bytes calldata value) external;
        function range(bytes32 database, bytes32 series, uint64 fromMs, uint64 toMs, uint256 cursor, uint256 limit) external view returns (uint64[] memory timesMs, bytes[] memory values, uint256 next);
        function latestEntry(bytes32 database, bytes32 series) external view returns (uint64 timeMs, bytes memory value);
        function trim(bytes32 database, bytes32 series, uint64 beforeMs, uint256 limit) external returns (uint256 removed);

        function setProvider(ProviderKind kind, bytes32 thing, bytes[] calldata keys, bytes calldata policy) external returns (bytes32 provider);
        function providerOf(bytes32 provider) external view returns (address owner, ProviderKind kind, bytes32 thing, bytes[] memory keys, bytes memory policy);
        function fetch(bytes32 provider, IThings.Request calldata request) external payable returns (uint256 requestId);
        function fetchContent(bytes calldata cid, uint64 offset, uint32 length, IThings.Request calldata request) external payable returns (uint256 requestId);
        function verifyContent(bytes calldata cid, uint64 offset, uint32 length, bytes[] calldata blocks) external view returns (bytes memory data);
        function verifyEvidence(bytes calldata policy, bytes32 nonce, bytes calldata evidence) external view returns (bytes memory claims);
    }
}
