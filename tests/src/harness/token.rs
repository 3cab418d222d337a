//! The ERC-20 in `tests/contracts`, compiled beforehand.
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue};

alloy_sol_types::sol! {
    /// What the tests call of `Token.sol`.
    contract IToken {
        function transfer(address to, uint256 value) external returns (bool);
        function balanceOf(address owner) external view returns (uint256);
        function mint(address to, uint256 value) external;
        function fill(uint256 first, uint256 count) external;
    }
}

/// Encodes calls of the test token and knows its storage layout.
#[derive(Debug, Clone, Copy)]
pub struct Token;

impl Token {
    /// Creation code with the constructor's argument: the deployer gets `supply`.
    ///
    /// # Panics
    /// The committed artifact is broken.
    pub fn creation_code(supply: U256) -> Bytes {
        let artifact: serde_json::Value = serde_json::from_str(include_str!("../../contracts/Token.json"))
            .expect("tests/contracts/Token.json is JSON");
        let code = artifact["bytecode"].as_str().and_then(|text| hex::decode(text.trim_start_matches("0x")).ok());
        let mut code = code.expect("tests/contracts/Token.json has bytecode");
        code.extend(supply.abi_encode());
        code.into()
    }

    /// Call data of `transfer`.
    pub fn transfer(to: Address, value: U256) -> Bytes {
        IToken::transferCall { to, value }.abi_encode().into()
    }

    /// Call data of `mint`.
    pub fn mint(to: Address, value: U256) -> Bytes {
        IToken::mintCall { to, value }.abi_encode().into()
    }

    /// Call data of `balanceOf`.
    pub fn balance_of(owner: Address) -> Bytes {
        IToken::balanceOfCall { owner }.abi_encode().into()
    }

    /// Call data of `fill`: writes `count` slots from `first` on.
    pub fn fill(first: U256, count: U256) -> Bytes {
        IToken::fillCall { first, count }.abi_encode().into()
    }

    /// Slot of the balance of `owner`: mapping at slot 0.
    pub fn balance_slot(owner: Address) -> B256 {
        keccak256((owner, U256::ZERO).abi_encode())
    }
}
