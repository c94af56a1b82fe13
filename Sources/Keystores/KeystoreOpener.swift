// SPDX-License-Identifier: Apache-2.0
package import BLS
internal import Concurrency
internal import FoundationEssentials
package import Secrets

/// Opens keystores that come over the network: a few at a time for all who ask, on threads of their own, and none any more
/// when the time of who asked is over. One takes a core for a second, and 256 MiB.
package final class KeystoreOpener: Sendable {
    /// A keystore as it was sent, and the password for it.
    package struct Sealed: Sendable {
        let json: [UInt8]
        let password: Password

        /// - Parameter json: UTF-8 of an EIP-2335 document.
        package init(json: [UInt8], password: Password) {
            self.json = json
            self.password = password
        }
    }

    /// A key that was in a keystore, and the path that it names.
    package struct Opened: Sendable {
        package let key: SecretKey
        package let derivationPath: String?
    }

    /// Why one was not opened.
    package enum Failure: Error, Equatable, Sendable, CustomStringConvertible {
        case keystore(KeystoreError)
        /// It was not its turn yet when the time was over.
        case outOfTime

        package var description: String {
            switch self {
            case .keystore(let error): "\(error)"
            case .outOfTime: "the time of the request was over before it was this keystore's turn; send it again"
            }
        }
    }

    private let arena: SecretArena
    private let settings: KeyLoader.Settings
    private let memory: MemoryBudget
    /// One a thread that may compute.
    private let places: MemoryBudget

    package init(arena: SecretArena, settings: KeyLoader.Settings = KeyLoader.Settings()) {
        self.arena = arena
        self.settings = settings
        memory = MemoryBudget(settings.memoryBudget)
        places = MemoryBudget(max(1, settings.threads))
    }

    /// What came of each, in order.
    ///
    /// - Parameter deadline: nanoseconds of the monotonic clock after which none is begun.
    package func open(_ keystores: [Sealed], until deadline: UInt64) async -> [Result<Opened, Failure>] {
        let next = Lock(0)
        let results = Lock<[Result<Opened, Failure>]>(keystores.map { _ in .failure(.outOfTime) })
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<min(settings.threads, keystores.count) {
                group.addTask { [self] in
                    await Blocking.run(name: "keystore", stackSize: 8 << 20) {
                        while let number = next.withLock({ next -> Int? in
                            guard next < keystores.count else { return nil }
                            defer { next += 1 }
                            return next
                        }) {
                            let result = self.open(keystores[number], until: deadline)
                            results.withLock { $0[number] = result }
                        }
                    }
                }
            }
        }
        return results.withLock { $0 }
    }

    private func open(_ sealed: Sealed, until deadline: UInt64) -> Result<Opened, Failure> {
        do throws(KeystoreError) {
            // Encrypted, so it may pass through `Data`.
            let keystore = try Keystore(json: Data(sealed.json))
            return try places.withReservation(1) { () throws(KeystoreError) in
                try memory.withReservation(keystore.derivation.memory) { () throws(KeystoreError) in
                    guard MonotonicClock.nanoseconds < deadline else { return .failure(.outOfTime) }
                    let key = try keystore.secretKey(sealed.password, arena: arena, limits: settings.limits)
                    return .success(Opened(key: key, derivationPath: keystore.path.flatMap { $0.isEmpty ? nil : $0 }))
                }
            }
        } catch {
            return .failure(.keystore(error))
        }
    }
}
