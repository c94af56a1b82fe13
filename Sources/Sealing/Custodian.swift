// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
package import Secrets

/// Shares a secret out among KMS keys, and gets it back.
package struct Custodian: Sendable {
    /// The wrapper for a key that a record or a request names.
    private let wrapper: @Sendable (KeyName) throws(WrappingError) -> any KeyWrapper

    package init(wrapper: @escaping @Sendable (KeyName) throws(WrappingError) -> any KeyWrapper) {
        self.wrapper = wrapper
    }

    // MARK: Sharing out

    /// Shares a secret out, and gets every share back once before it says so: a share that only one of several may unwrap
    /// shows while the secret is still known.
    ///
    /// - Throws: `.keys` with every key that did not do it.
    package func share(
        _ secret: borrowing SecretBytes,
        of identity: MasterKeyIdentity,
        among keys: [KeyName],
        threshold: Int
    ) async throws(CustodyError) -> SharedCustody {
        try Self.check(keys, threshold: threshold)
        let ceremony = CeremonyIdentifier.random()
        let shares = KeyShare.split(secret, threshold: threshold, count: keys.count, in: ceremony)
        let outcomes = await each(zip(shares, keys).map { ($0, $1) }) { pair in
            let (share, key) = pair
            return await wrapped(share, under: key, of: identity)
        }
        return SharedCustody(
            ceremony: ceremony,
            threshold: threshold,
            shares: try Self.all(outcomes)
        )
    }

    /// What cannot be shared out that way, whatever the keys say.
    package static func check(_ keys: [KeyName], threshold: Int) throws(CustodyError) {
        guard (1...MasterKeyRecord.mostKeys).contains(keys.count) else {
            throw .invalid("\(keys.count) KMS keys were named; a chamber has 1 to \(MasterKeyRecord.mostKeys)")
        }
        guard (1...keys.count).contains(threshold) else {
            throw .invalid("the threshold is \(threshold), but it has to be from 1 to the \(keys.count) KMS keys")
        }
        let twice = Dictionary(grouping: keys, by: \.self).filter { $1.count > 1 }.keys.map(\.text).sorted()
        guard twice.isEmpty else {
            throw .invalid("the KMS key \(twice[0]) is named twice: whoever has it would hold two shares")
        }
    }

    private func wrapped(
        _ share: KeyShare,
        under key: KeyName,
        of identity: MasterKeyIdentity
    ) async -> Result<WrappedShare, CustodyError.Failure> {
        let context = WrappingContext(identity, share: share.number)
        do throws(WrappingError) {
            let wrapper = try wrapper(key)
            let wrapped = try await wrapper.wrap(share.encoded, context: context)
            guard let digest = try? share.digest() else {
                return .failure(CustodyError.Failure(key: key, "the share cannot be digested"))
            }
            let made = WrappedShare(number: share.number, key: key, wrapped: wrapped, digest: digest)
            return switch await opened(made, of: share.ceremony, identity) {
            case .success: .success(made)
            case .failure(let failure): .failure(failure)
            }
        } catch {
            return .failure(CustodyError.Failure(key: key, error))
        }
    }

    // MARK: Getting back

    /// The secret, from the keys that can be reached; asks all at once.
    ///
    /// - Throws: `.insufficient` with every key that failed, and why.
    package func open(
        _ custody: SharedCustody,
        of identity: MasterKeyIdentity
    ) async throws(CustodyError) -> OpenedCustody {
        let outcomes = await each(custody.shares) { share in
            await opened(share, of: custody.ceremony, identity)
        }
        var (shares, failures): ([KeyShare], [CustodyError.Failure]) = ([], [])
        for outcome in outcomes {
            switch outcome {
            case .success(let share): shares.append(share)
            case .failure(let failure): failures.append(failure)
            }
        }
        do throws(KeyShareError) {
            let secret = try KeyShare.combine(shares, threshold: custody.threshold, in: custody.ceremony)
            return OpenedCustody(secret: secret, failures: failures)
        } catch {
            guard case .insufficient(let have, let need) = error else { throw .invalid("\(error)") }
            throw .insufficient(have: have, need: need, failures)
        }
    }

    private func opened(
        _ share: WrappedShare,
        of ceremony: CeremonyIdentifier,
        _ identity: MasterKeyIdentity
    ) async -> Result<KeyShare, CustodyError.Failure> {
        let context = WrappingContext(identity, share: share.number)
        do throws(WrappingError) {
            let bytes = try await wrapper(share.key).unwrap(share.wrapped, context: context)
            guard let opened = try? KeyShare(bytes), opened.number == share.number, opened.ceremony == ceremony,
                (try? opened.digest()) == share.digest
            else {
                return .failure(
                    CustodyError.Failure(key: share.key, "what it unwrapped is not the share that the record names")
                )
            }
            return .success(opened)
        } catch {
            return .failure(CustodyError.Failure(key: share.key, error))
        }
    }

    // MARK: All at once

    private func each<Item: Sendable, Outcome: Sendable>(
        _ items: [Item],
        _ work: @escaping @Sendable (Item) async -> Outcome
    ) async -> [Outcome] {
        await withTaskGroup(of: (Int, Outcome).self) { group in
            for (place, item) in items.enumerated() { group.addTask { (place, await work(item)) } }
            var outcomes: [Int: Outcome] = [:]
            for await (place, outcome) in group { outcomes[place] = outcome }
            return items.indices.compactMap { outcomes[$0] }
        }
    }

    private static func all(
        _ outcomes: [Result<WrappedShare, CustodyError.Failure>]
    ) throws(CustodyError) -> [WrappedShare] {
        var (shares, failures): ([WrappedShare], [CustodyError.Failure]) = ([], [])
        for outcome in outcomes {
            switch outcome {
            case .success(let share): shares.append(share)
            case .failure(let failure): failures.append(failure)
            }
        }
        guard failures.isEmpty else { throw .keys(failures) }
        return shares
    }
}

/// A secret that was got back, and the keys that did not help.
package struct OpenedCustody: ~Copyable, Sendable {
    private let secret: SecretBytes
    package let failures: [CustodyError.Failure]

    init(secret: consuming SecretBytes, failures: [CustodyError.Failure]) {
        self.secret = secret
        self.failures = failures
    }

    package consuming func take() -> SecretBytes { secret }
}

/// Why a secret was not shared out, or not got back.
package enum CustodyError: Error, Hashable, Sendable, CustomStringConvertible {
    package struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
        package let key: KeyName
        package let reason: String
        /// Whether asking again later may help.
        package let isTransient: Bool

        init(key: KeyName, _ reason: String) {
            self.key = key
            self.reason = reason
            isTransient = false
        }

        init(key: KeyName, _ error: WrappingError) {
            self.key = key
            reason = "\(error)"
            isTransient = error.isTransient
        }

        package var description: String { reason.contains(key.text) ? reason : "\(key): \(reason)" }
    }

    case invalid(String)
    /// Nothing was shared out, because these keys did not do it.
    case keys([Failure])
    case insufficient(have: Int, need: Int, [Failure])
    case failed(SealingError)

    /// Whether the same may go well later.
    package var passes: Bool {
        switch self {
        case .invalid: false
        case .keys(let failures): failures.allSatisfy(\.isTransient)
        // A denied role can be allowed, a disabled key enabled, without anything changing here.
        case .insufficient: true
        case .failed: false
        }
    }

    package var description: String {
        switch self {
        case .invalid(let reason): reason
        case .keys(let failures): "nothing was shared out: " + Self.list(failures)
        case .insufficient(let have, let need, let failures):
            "\(KeyShareError.insufficient(have: have, need: need)): " + Self.list(failures)
        case .failed(let error): "\(error)"
        }
    }

    private static func list(_ failures: [Failure]) -> String { failures.map(\.description).joined(separator: "; ") }
}

extension WrappingContext {
    fileprivate init(_ identity: MasterKeyIdentity, share: UInt8) {
        self.init(chamber: identity.chamber.bytes, generation: identity.generation, share: share)
    }
}
