//! The same as the example `expressions`, through cranelift, in two ways: a module of
//! `cranelift-jit` with the memory of this crate, and single functions that `cranelift-codegen`
//! compiled, in an arena, replaced and freed one by one while other threads call them.
//!
//! ```sh
//! cargo run --release -p bonfire-code --features cranelift-example --example cranelift
//! ```

mod sys;

use std::error::Error;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::{Acquire, Release};

use bonfire_code::{Arena, Draft, Fault, Options, Provider, Publisher, Slot};
use bonfire_rcu::Global;
use cranelift_codegen::ir::{AbiParam, Function, InstBuilder, Signature, UserFuncName, types};
use cranelift_codegen::isa::{CallConv, OwnedTargetIsa};
use cranelift_codegen::{Context, control::ControlPlane, settings};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{Linkage, Module, default_libcall_names};

pub(crate) type Compute = extern "C" fn(i64) -> i64;

/// How many versions there are.
const VERSIONS: i64 = 2_000;

fn main() -> Result<(), Box<dyn Error>> {
    let isa = cranelift_native::builder()?.finish(settings::Flags::new(settings::builder()))?;
    let publisher = Publisher::register()?;
    by_module(&isa, publisher)?;
    by_function(&isa, publisher)?;
    Ok(())
}

/// `(x + 1) * version`.
fn versioned(isa: &OwnedTargetIsa, version: i64) -> Context {
    let mut signature = Signature::new(CallConv::triple_default(isa.triple()));
    signature.params.push(AbiParam::new(types::I64));
    signature.returns.push(AbiParam::new(types::I64));
    let mut context =
        Context::for_function(Function::with_name_signature(UserFuncName::default(), signature));
    let mut scratch = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut context.func, &mut scratch);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    builder.seal_block(block);
    let x = builder.block_params(block)[0];
    let one = builder.ins().iconst(types::I64, 1);
    let sum = builder.ins().iadd(x, one);
    let version = builder.ins().iconst(types::I64, version);
    let product = builder.ins().imul(sum, version);
    builder.ins().return_(&[product]);
    builder.finalize(isa.frontend_config());
    context
}

/// A module in the memory of this crate. Its functions are there until it is freed as a whole.
fn by_module(isa: &OwnedTargetIsa, publisher: Publisher) -> Result<(), Box<dyn Error>> {
    let mut builder = JITBuilder::with_isa(isa.clone(), default_libcall_names());
    builder.memory_provider(Box::new(Provider::new(publisher, Options::default())?));
    let mut module = JITModule::new(builder);
    for version in 1..=10 {
        let mut context = versioned(isa, version);
        let name = format!("version{version}");
        let function = module.declare_function(&name, Linkage::Export, &context.func.signature)?;
        module.define_function(function, &mut context)?;
        module.finalize_definitions()?;
        // Another thread calls it, with nothing in between.
        let compute = sys::to_function(module.get_finalized_function(function));
        let result = std::thread::scope(|scope| scope.spawn(|| compute(41)).join());
        assert_eq!(result.ok(), Some(42 * version));
    }
    println!("a module: 10 functions, each called by another thread as soon as it was finished");
    sys::free(module);
    Ok(())
}

/// Compiles one version and places it. Where the arena is full of what threads may still be
/// in, waits for them.
fn place(arena: &Arena, isa: &OwnedTargetIsa, version: i64) -> Result<Draft<Compute>, Fault> {
    let mut context = versioned(isa, version);
    let compiled = context.compile(&**isa, &mut ControlPlane::default()).expect("a small function");
    assert!(compiled.buffer.relocs().is_empty(), "a function that refers to nothing");
    let code = compiled.code_buffer();
    sys::place(arena, code).or_else(|_| {
        Global.barrier();
        sys::place(arena, code)
    })
}

/// Single functions in an arena, each freed when nobody is in it.
fn by_function(isa: &OwnedTargetIsa, publisher: Publisher) -> Result<(), Box<dyn Error>> {
    let arena = Arena::with(Options::default().length(16 << 10))?;
    let slot = Slot::new(publisher.publish(place(&arena, isa, 1)?)?);
    let newest = AtomicI64::new(1);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    // PAIRS(newest): with the store below.
                    let known = newest.load(Acquire);
                    let result = slot.call((9,));
                    assert!(
                        result % 10 == 0 && result / 10 >= known,
                        "{result} where version {known} is known"
                    );
                    if known == VERSIONS {
                        break;
                    }
                }
            });
        }
        for version in 2..=VERSIONS {
            slot.replace(publisher.publish(place(&arena, isa, version)?)?);
            newest.store(version, Release);
        }
        Ok::<_, Fault>(())
    })?;
    println!("an arena: {VERSIONS} versions of a function, replaced and freed while two threads called them");
    Ok(())
}
