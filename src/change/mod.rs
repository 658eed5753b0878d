//! What a change of policies is: what is in a version of a policy, what is to be done to a
//! target, and who has to agree. Pure.
//!
//! May import: `text`, `model`, `yaml`, `syntax`, `decide`, `sim`.

pub mod bundle;
pub mod canonical;
pub mod live;

pub use bundle::Bundle;
