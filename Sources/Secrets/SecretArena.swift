// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import CSodium
internal import Concurrency
internal import Glibc

/// Memory for many 32-byte secrets: the scalars of all validators. Segments of `memfd_secret` pages (which the kernel
/// itself cannot read) where the kernel has them, else locked anonymous pages; never in a core dump, guard pages on both
/// sides of each segment, a freed slot wiped before it is used again.
///
/// One allocation for each key does not scale: under the usual limit of 8 MB of locked memory, 10,000 guarded
/// allocations take 40,000 mappings and lock only some of them, without an error.
@safe package final class SecretArena: Sendable {
    /// What protects the pages of a segment.
    package enum Protection: String, Sendable, Comparable {
        /// Locked against swapping by nothing: both ways failed, usually for want of `RLIMIT_MEMLOCK`.
        case unlocked
        /// Anonymous pages under `mlock` and `MADV_DONTDUMP`.
        case locked
        /// `memfd_secret`: locked, and outside the kernel's own mapping.
        case kernelSecret = "memfd_secret"

        package static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
        private var rank: Int {
            switch self {
            case .unlocked: 0
            case .locked: 1
            case .kernelSecret: 2
            }
        }
    }

    /// Bytes of one slot: a scalar of BLS12-381 or secp256k1.
    package static let slotSize = 32
    /// Slots of one segment: 64 kB of pages.
    static let slotsPerSegment = 2048

    private struct State {
        var segments: [Segment] = []
        var free: [SlotIndex] = []
    }
    private let state = Lock(State())

    package init() { Sodium.require() }

    /// The weakest protection of any segment, or what a first segment would get when there is none yet.
    package var protection: Protection {
        if let weakest = state.withLock({ $0.segments.map(\.protection).min() }) { return weakest }
        return Segment(slots: 1).protection
    }

    /// Slots in use.
    package var occupied: Int {
        state.withLock { $0.segments.count * Self.slotsPerSegment - $0.free.count }
    }

    /// Takes a slot and lets `fill` write its 32 bytes in place. When `fill` throws, the slot is wiped and free again.
    package func store<Failure: Error>(
        fill: (inout MutableRawSpan) throws(Failure) -> Void
    ) throws(Failure) -> SecretSlot {
        let (segment, index) = take()
        let slot = SecretSlot(arena: self, segment: segment, index: index)
        try slot.withMutableBytes(fill)
        return slot
    }

    private func take() -> (Segment, SlotIndex) {
        state.withLock { state in
            if state.free.isEmpty {
                let number = state.segments.count
                state.segments.append(Segment(slots: Self.slotsPerSegment))
                // Highest first, so that slots are handed out from the start of the segment.
                state.free = (0..<Self.slotsPerSegment).reversed().map { SlotIndex(segment: number, slot: $0) }
            }
            let index = state.free.removeLast()
            return (state.segments[index.segment], index)
        }
    }

    fileprivate func release(_ index: SlotIndex) {
        state.withLock { $0.free.append(index) }
    }
}

/// Where a slot is.
struct SlotIndex: Sendable {
    let segment: Int
    let slot: Int
}

/// One 32-byte secret of an arena; wiped and given back when its one owner lets go.
@safe package struct SecretSlot: ~Copyable, Sendable {
    private let arena: SecretArena
    private let segment: Segment
    private let index: SlotIndex

    fileprivate init(arena: SecretArena, segment: Segment, index: SlotIndex) {
        self.arena = arena
        self.segment = segment
        self.index = index
    }

    deinit {
        segment.wipe(slot: index.slot)
        arena.release(index)
    }

    /// Reads in place. The span cannot leave `body`.
    package borrowing func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(unsafe RawSpan(_unsafeStart: segment.address(of: index.slot), byteCount: SecretArena.slotSize))
    }

    fileprivate borrowing func withMutableBytes<Failure: Error>(
        _ body: (inout MutableRawSpan) throws(Failure) -> Void
    ) throws(Failure) {
        var span = unsafe MutableRawSpan(
            _unsafeStart: segment.address(of: index.slot),
            byteCount: SecretArena.slotSize
        )
        try body(&span)
    }
}

/// A run of pages between two pages that cannot be touched.
@safe private final class Segment: @unchecked Sendable {
    // Sound: the mapping lives as long as the object; each slot of it is written by its one owner.
    private let mapping: UnsafeMutableRawPointer
    private let mappingLength: Int
    private let pageSize = Int(getpagesize())
    let protection: SecretArena.Protection

    init(slots: Int) {
        let page = Int(getpagesize())
        let length = (slots * SecretArena.slotSize + page - 1) / page * page
        mappingLength = length + 2 * page
        guard
            let reserved = unsafe mmap(nil, mappingLength, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            unsafe reserved != MAP_FAILED
        else { preconditionFailure("\(mappingLength) bytes of address space for keys could not be reserved") }
        unsafe mapping = reserved
        let start = unsafe reserved + page
        protection = unsafe Segment.protect(start, length)
    }

    deinit { unsafe munmap(mapping, mappingLength) }

    func address(of slot: Int) -> UnsafeMutableRawPointer {
        unsafe mapping + pageSize + slot * SecretArena.slotSize
    }

    func wipe(slot: Int) {
        unsafe sodium_memzero(address(of: slot), SecretArena.slotSize)
    }

    /// Puts the best pages there are over the reserved range.
    private static func protect(_ start: UnsafeMutableRawPointer, _ length: Int) -> SecretArena.Protection {
        let descriptor = chamber_memfd_secret()
        if descriptor >= 0 {
            defer { close(descriptor) }
            // Pages of memfd_secret count as locked memory; where the limit is reached, mmap says so here.
            if ftruncate(descriptor, length) == 0,
                unsafe mmap(start, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, descriptor, 0) == start
            {
                unsafe _ = chamber_exclude_from_core_dump(start, length)
                return .kernelSecret
            }
        }
        guard
            unsafe mmap(start, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == start
        else { preconditionFailure("\(length) bytes for keys could not be mapped") }
        unsafe _ = chamber_exclude_from_core_dump(start, length)
        return unsafe mlock(start, length) == 0 ? .locked : .unlocked
    }
}
