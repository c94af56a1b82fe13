// SPDX-License-Identifier: Apache-2.0
internal import CSeccomp
internal import Glibc

/// The filter on system calls (seccomp(2)) of a signer whose ports are open: what it needs to sign is allowed,
/// everything else is not there.
///
/// What is not on a list is refused with ENOSYS, as by a kernel that does not know it: the C library and others then
/// fall back to older calls, where EPERM would make them fail. What only an intruder tries ends the process. All
/// refusals are told by the kernel in its log (audit type 1326), with the number of the call.
package enum SystemCallFilter {
    /// Applies the filter to every thread of this process, for ever. Open all ports first: none can be opened after
    /// this.
    package static func apply() -> HardeningReport.State {
        LoadableLibraries.load()
        if let failure = load(default: FilterRules.allow, { $0.addQuiet() }) { return failure }
        if let failure = load(default: chamber_scmp_refuse(ENOSYS), { $0.add() }) { return failure }
        let without = ThreadStatus.all.count { $0["Seccomp"] != "2" }
        guard without == 0 else { return .missing("\(without) threads have no filter") }
        return .holds("filtered, no new programs, listeners or code")
    }

    /// Makes a filter and gives it to the kernel; what went wrong, or nil.
    private static func load(default action: UInt32, _ fill: (inout FilterRules) -> Void) -> HardeningReport.State? {
        guard let context = unsafe seccomp_init(action) else {
            return .missing("this kernel has no seccomp filters (CONFIG_SECCOMP_FILTER)")
        }
        defer { unsafe seccomp_release(context) }
        var rules = unsafe FilterRules(context)
        fill(&rules)
        guard rules.firstFailure == 0 else {
            return .missing("the filter could not be made (error \(-rules.firstFailure))")
        }
        let code = unsafe seccomp_load(context)
        return code == 0 ? nil : .missing("the kernel did not take the filter (error \(-code))")
    }
}

/// Puts the rules into a filter of libseccomp.
@safe private struct FilterRules {
    private let context: scmp_filter_ctx
    private(set) var firstFailure: Int32 = 0

    init(_ context: scmp_filter_ctx) { unsafe self.context = unsafe context }

    static let allow = UInt32(0x7fff_0000)  // SCMP_ACT_ALLOW
    private static let kill = UInt32(0x8000_0000)  // SCMP_ACT_KILL_PROCESS
    private static let refuse = chamber_scmp_refuse(EPERM)

    /// A filter of its own for what the C library tries first each time it starts a thread: who refuses decides whether
    /// the kernel tells it, and hundreds of such lines would hide the one that matters. clone3 keeps its flags in
    /// memory, where a filter cannot look; without it the C library takes clone.
    mutating func addQuiet() {
        unsafe note(seccomp_attr_set(context, SCMP_FLTATR_CTL_TSYNC, 1))
        rule("clone3", chamber_scmp_refuse(ENOSYS))
    }

    mutating func add() {
        // Calls of another architecture (x32, i386) would not be looked at by number otherwise.
        unsafe note(seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, Self.kill))
        unsafe note(seccomp_attr_set(context, SCMP_FLTATR_CTL_TSYNC, 1))
        unsafe note(seccomp_attr_set(context, SCMP_FLTATR_CTL_LOG, 1))
        for name in SystemCalls.hostile { rule(name, Self.kill) }
        for name in SystemCalls.forbidden { rule(name, Self.refuse) }
        for name in SystemCalls.allowed + ["clone3"] { rule(name, Self.allow) }
        limitMemory()
        limitSockets()
        limitThreads()
        limitQuestions()
    }

    /// No memory becomes code: what an intruder writes cannot be run.
    private mutating func limitMemory() {
        let executable = UInt64(PROT_EXEC)
        for name in ["mmap", "mprotect"] {
            rule(name, Self.allow, [.init(2, has: executable, of: executable, not: true)])
            rule(name, Self.refuse, [.init(2, has: executable, of: executable)])
        }
    }

    private mutating func limitSockets() {
        for family in [AF_UNIX, AF_INET, AF_INET6] {
            rule("socket", Self.allow, [.init(0, is: UInt64(family))])
        }
        // getaddrinfo asks the kernel which addresses this machine has: NETLINK_ROUTE, which is 0.
        rule("socket", Self.allow, [.init(0, is: UInt64(AF_NETLINK)), .init(2, is: 0)])
        // The address itself lies in memory, where a filter cannot look. Those of netlink have a length of their own.
        rule("bind", Self.allow, [.init(2, is: 12)])
        rule("bind", Self.refuse, [.init(2, isNot: 12)])
        // FIONREAD, FIONBIO, FIOCLEX, TCGETS.
        for request in [0x541B, 0x5421, 0x5451, 0x5401] as [UInt64] {
            rule("ioctl", Self.allow, [.init(1, is: request)])
        }
    }

    /// Threads of this process, no processes and no namespaces.
    private mutating func limitThreads() {
        let namespaces: UInt64 = 0x7E02_0000
        let thread: UInt64 = 0x0001_0000  // CLONE_THREAD
        rule("clone", Self.allow, [.init(0, has: thread, of: namespaces | thread)])
        // abort and raise.
        rule("tgkill", Self.allow, [.init(0, is: UInt64(getpid()))])
    }

    private mutating func limitQuestions() {
        // PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP, PR_SET_VMA (names of
        // mappings).
        for option in [15, 16, 3, 39, 21, 0x5356_4d41] as [UInt64] {
            rule("prctl", Self.allow, [.init(0, is: option)])
        }
        // Limits of this process are asked for, not set.
        rule("prlimit64", Self.allow, [.init(0, is: 0), .init(2, isAll64: 0)])
    }

    private mutating func rule(_ name: String, _ action: UInt32, _ conditions: [Condition] = []) {
        let number = unsafe seccomp_syscall_resolve_name(name)
        // __NR_SCMP_ERROR: the library does not know the name; below that, the processor does not have the call.
        guard number >= 0 else { return }
        var comparisons = conditions.map(\.comparison)
        unsafe note(seccomp_rule_add_array(context, action, number, UInt32(comparisons.count), &comparisons))
    }

    private mutating func note(_ code: Int32) { if firstFailure == 0, code < 0 { firstFailure = code } }
}

/// What an argument of a call has to be. Arguments of type `int` fill half of a register: the other half does not
/// count.
private struct Condition {
    let comparison: scmp_arg_cmp

    private static let int: UInt64 = 0xffff_ffff

    init(_ argument: UInt32, is value: UInt64) { self.init(argument, has: value, of: Self.int) }

    init(_ argument: UInt32, isAll64 value: UInt64) {
        comparison = scmp_arg_cmp(arg: argument, op: SCMP_CMP_EQ, datum_a: value, datum_b: 0)
    }

    /// For a length, which the kernel takes as a whole register.
    init(_ argument: UInt32, isNot value: UInt64) {
        comparison = scmp_arg_cmp(arg: argument, op: SCMP_CMP_NE, datum_a: value, datum_b: 0)
    }

    /// The bits of `mask` are those of `value`, or with `not` they are all clear.
    init(_ argument: UInt32, has value: UInt64, of mask: UInt64, not: Bool = false) {
        comparison = scmp_arg_cmp(arg: argument, op: SCMP_CMP_MASKED_EQ, datum_a: mask, datum_b: not ? 0 : value)
    }
}
