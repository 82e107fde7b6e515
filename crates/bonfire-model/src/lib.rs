#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod answer;
pub mod architecture;
pub mod code;
pub mod diagram;
pub mod excuse;
pub mod explorer;
pub mod kernel;
pub mod machine;
pub mod matrix;
pub mod minimal;
pub mod mutate;
pub mod planted;
pub mod proof;
pub mod purpose;
pub mod question;
pub mod rcu;
pub mod run;
pub mod scenario;
pub mod vocabulary;
