//! Calls past libc: a filter turns them into signals, and a handler does what the function of that name would.

use std::ffi::{c_char, c_int, c_long, c_uint, c_void};

use libc::{mode_t, off_t};

use super::calls::{linked, made, renamed, truncated, unlinked};
use super::stand_in::{fallocate, fdatasync, fsync, ftruncate};
use super::{call, die, errno, set_errno};

/// System calls that change names or lengths, or sync. The index's library renames by one of its own, and the engine
/// allocates so; writes and opens go through libc in both.
const TRAPPED: &[c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_link,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rmdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_unlinkat,
    libc::SYS_mkdirat,
    libc::SYS_truncate,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
];

/// Does a trapped call as the function of its name would. `None`: it is not one of them.
fn emulate(number: c_long, arguments: [usize; 6]) -> Option<c_int> {
    let [a, b, c, d, e, _] = arguments;
    let int = |argument: usize| argument as c_int;
    let text = |argument: usize| argument as *const c_char;
    let here = libc::AT_FDCWD;
    #[cfg(target_arch = "x86_64")]
    match number {
        libc::SYS_rename => return Some(renamed((here, text(a)), (here, text(b)), 0)),
        libc::SYS_link => return Some(linked((here, text(a)), (here, text(b)), 0)),
        libc::SYS_unlink => return Some(unlinked(here, text(a), 0)),
        libc::SYS_mkdir => return Some(made(here, text(a), b as mode_t)),
        libc::SYS_rmdir => return Some(unlinked(here, text(a), libc::AT_REMOVEDIR)),
        libc::SYS_renameat => return Some(renamed((int(a), text(b)), (int(c), text(d)), 0)),
        _ => {}
    }
    Some(match number {
        libc::SYS_renameat2 => renamed((int(a), text(b)), (int(c), text(d)), e as c_uint),
        libc::SYS_linkat => linked((int(a), text(b)), (int(c), text(d)), int(e)),
        libc::SYS_unlinkat => unlinked(int(a), text(b), int(c)),
        libc::SYS_mkdirat => made(int(a), text(b), c as mode_t),
        libc::SYS_truncate => truncated(text(a), b as off_t),
        // SAFETY: no pointers.
        libc::SYS_ftruncate => unsafe { ftruncate(int(a), b as off_t) },
        // SAFETY: no pointers.
        libc::SYS_fallocate => unsafe { fallocate(int(a), int(b), c as off_t, d as off_t) },
        // SAFETY: no pointers.
        libc::SYS_fsync => unsafe { fsync(int(a)) },
        // SAFETY: no pointers.
        libc::SYS_fdatasync => unsafe { fdatasync(int(a)) },
        _ => return None,
    })
}

/// An interrupted call: its number and its arguments.
#[cfg(target_arch = "x86_64")]
fn interrupted(context: &libc::ucontext_t) -> (c_long, [usize; 6]) {
    let register = |register: c_int| context.uc_mcontext.gregs.get(register as usize).copied().unwrap_or(-1);
    let arguments = [libc::REG_RDI, libc::REG_RSI, libc::REG_RDX, libc::REG_R10, libc::REG_R8, libc::REG_R9];
    (register(libc::REG_RAX), arguments.map(|argument| register(argument) as usize))
}

/// Gives the interrupted call its result.
#[cfg(target_arch = "x86_64")]
fn answer(context: &mut libc::ucontext_t, result: c_int) {
    if let Some(place) = context.uc_mcontext.gregs.get_mut(libc::REG_RAX as usize) {
        *place = result.into();
    }
}

/// An interrupted call: its number and its arguments.
#[cfg(target_arch = "aarch64")]
fn interrupted(context: &libc::ucontext_t) -> (c_long, [usize; 6]) {
    let [a, b, c, d, e, f, _, _, number, ..] = context.uc_mcontext.regs;
    (number as c_long, [a, b, c, d, e, f].map(|argument| argument as usize))
}

/// Gives the interrupted call its result.
#[cfg(target_arch = "aarch64")]
fn answer(context: &mut libc::ucontext_t, result: c_int) {
    let [place, ..] = &mut context.uc_mcontext.regs;
    *place = i64::from(result) as u64;
}

/// Takes the place of a call that the filter stopped.
extern "C" fn on_call(_: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
    let before = errno();
    // SAFETY: the kernel gives a handler with SA_SIGINFO the interrupted thread's context, for it alone.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    let (number, arguments) = interrupted(context);
    let outcome = match emulate(number, arguments) {
        Some(done) if done >= 0 => done,
        Some(_) => -errno(),
        None => die("a call that was not to be stopped"),
    };
    answer(context, outcome);
    set_errno(before);
}

/// The filter: [`TRAPPED`] calls become signals, unless they come from libc's `syscall`.
fn filter() -> Vec<libc::sock_filter> {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    // Offsets in `seccomp_data`: the call's number, and the halves of the instruction pointer.
    const NUMBER: u32 = 0;
    const POINTER_LOW: u32 = 8;
    const POINTER_HIGH: u32 = 12;
    /// Length that libc's `syscall` surely has not.
    const LONGEST: u64 = 128;
    let step = |code, k, jt, jf| libc::sock_filter { code, jt, jf, k };
    let begin = libc::syscall as *const () as u64;
    let end = begin + LONGEST;
    if begin >> 32 != end >> 32 {
        die("calls past libc: it lies across a boundary of 4 GiB");
    }
    let count = TRAPPED.len();
    let mut steps = vec![step(LOAD, NUMBER, 0, 0)];
    for (at, number) in TRAPPED.iter().enumerate() {
        // To the look at the pointer, behind the other numbers and the first return.
        steps.push(step(EQUAL, *number as u32, (count - at) as u8, 0));
    }
    steps.extend([
        step(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0),
        step(LOAD, POINTER_HIGH, 0, 0),
        step(EQUAL, (begin >> 32) as u32, 0, 4),
        step(LOAD, POINTER_LOW, 0, 0),
        step(AT_LEAST, begin as u32, 0, 2),
        step(AT_LEAST, end as u32, 1, 0),
        step(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0),
        step(RETURN, libc::SECCOMP_RET_TRAP, 0, 0),
    ]);
    steps
}

pub(super) fn stop_calls_past_libc() {
    // SAFETY: a `sigaction` of zeros is one.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_call as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
    // SAFETY: `on_call` has the form that SA_SIGINFO asks for.
    let handled = unsafe { libc::sigaction(libc::SIGSYS, &raw const action, std::ptr::null_mut()) };
    let mut steps = filter();
    let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
    let allowed = call!(libc::SYS_prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    let set = call!(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program);
    if handled != 0 || allowed != 0 || set != 0 {
        die("calls past libc: the kernel takes no filter");
    }
}
