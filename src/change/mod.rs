//! What a change of policies is: what is in a version of a policy, what is to be done to a
//! target, and who has to agree. Pure.
//!
//! May import: `text`, `model`, `yaml`, `syntax`, `decide`, `sim`.

pub mod approval;
pub mod behaviour;
pub mod bundle;
pub mod canonical;
pub mod chain;
pub mod code;
pub mod difference;
pub mod drift;
pub mod governed;
pub mod live;
pub mod meaning;
pub mod pairs;
pub mod plan;
pub mod proof;
pub mod rollback;
pub mod say;
pub mod signers;
pub mod stale;

pub use bundle::Bundle;
pub use plan::Plan;
