//! luascale: autoscaling policy as code.
//!
//! A pure core, run on policy code inside a killable process; effects at the edge. The modules
//! and who may import whom (`tests/layers.rs` holds this table against the code):
//!
//! | module | what it is | may import |
//! |-|-|-|
//! | `text` | sources, spans, lines | |
//! | `model` | policy, finding, effect, decision as data; `build` validates | text |
//! | `yaml` | YAML with the place of every value | text, model |
//! | `catalogue` | gateway and LLM gateway signals, as data | text, model, yaml |
//! | `syntax` | full_moon: parse, scopes, outline | text, model |
//! | `lua` | the VM: sandbox, load, budget, conditions, hooks | text, model |
//! | `decide` | the decision at a tick and its reasons | text, model |
//! | `program` | a file, loaded: syntax, VM, catalogue and `build` in their order | text, model, catalogue, syntax, lua |
//! | `interop` | policies as objects of the HPA and KEDA, and back | text, model, yaml |
//! | `sim` | samples, closed loop, run, score, expectations | text, model, yaml, decide |
//! | `change` | versions of policies, plans, approvals, what a change means and does | text, model, yaml, syntax, decide, sim |
//! | `lint` | rules, suppressions, fixes | text, model, yaml, syntax, decide, sim, change |
//! | `report` | text, json, csv, markdown, html, junit | text, model, decide, sim, change, lint |
//! | `review` | what is said on a pull request, as operations | text, model, report |
//! | `worker` | the child process: spawn, protocol, limits, deadline, kill | the core |
//! | `config` | luascale.yaml | the core |
//! | `disk` | writing so that a kill or a full disk leaves the old state or the new one | the core |
//! | `ledger` | what was done to targets, a chain of lines | the core, disk |
//! | `target` | where policies are applied to: directory, kubernetes | the core, disk, cluster |
//! | `cluster` | a connection to a Kubernetes API server | the core |
//! | `source` | live sources, asked for one instant: Prometheus, Kubernetes | the core, cluster |
//! | `forge` | a connection to a code host: GitHub, GitLab | the core |
//! | `git` | a repository: revisions, snapshots, changed files | text, model |
//! | `cli` | arguments, failures, one file a command | everything |

pub mod catalogue;
pub mod change;
pub mod cli;
#[cfg(feature = "online")]
pub mod cluster;
pub mod config;
pub mod decide;
pub mod disk;
#[cfg(feature = "forge")]
pub mod forge;
pub mod git;
pub mod interop;
pub mod ledger;
pub mod lint;
pub mod lua;
pub mod model;
pub mod program;
pub mod report;
pub mod review;
pub mod sim;
#[cfg(feature = "online")]
pub mod source;
pub mod syntax;
pub mod target;
pub mod text;
pub mod worker;
pub mod yaml;
