// SPDX-License-Identifier: Apache-2.0
import Configuration
import Doctor
import Encoding
import Testing

/// Made-up facts in, findings out.
@Suite struct ExaminationTests {
    /// A host on which nothing is left to do.
    private static var well: HostFacts {
        var configuration = Configuration()
        configuration.auth.mode = .enforced
        configuration.sandbox.systemCalls = .required
        configuration.sandbox.files = .required
        configuration.canaries.keys = [.init()]
        configuration.audit.path = "/var/lib/cc/audit.log"
        var facts = HostFacts(configuration)
        facts.user = 1000
        var signer = HostFacts.SignerFacts(identifier: 1)
        signer.capabilities = 1 << 14
        signer.hasNoNewPrivileges = true
        signer.isFiltered = true
        signer.coreLimit = 0
        facts.signer = signer
        facts.files = [
            .init(path: "/etc/cc/config.yaml", role: .configuration, isFolder: false, mode: 0o600, owner: 1000),
            .init(path: "/var/lib/cc/keys", role: .keys, isFolder: true, mode: 0o700, owner: 1000),
        ]
        facts.folders = [
            .init(path: "/", mode: 0o755, owner: 0), .init(path: "/tmp", mode: 0o1777, owner: 0),
            .init(path: "/var/lib/cc", mode: 0o700, owner: 1000),
        ]
        facts.lockedMemoryLimit = .max
        facts.hasSecretMemory = true
        facts.hasSwap = false
        facts.corePattern = "core"
        facts.hasSeccomp = true
        facts.landlockVersion = 7
        facts.clockIsSynchronized = true
        facts.rootIsWritable = false
        return facts
    }

    private func look(_ name: String, _ change: (inout HostFacts) -> Void) -> Finding? {
        var facts = Self.well
        change(&facts)
        return Examination(facts).findings.first { $0.name == name }
    }

    @Test func `a host in order has nothing but good findings`() {
        let findings = Examination(Self.well).findings
        #expect(findings.allSatisfy { $0.state == .ok && $0.fix == nil }, "\(findings)")
        #expect(findings.count > 15)
        #expect(Set(findings.map(\.name)).count == findings.count)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let state: Finding.State
        let change: @Sendable (inout HostFacts) -> Void
        init(_ name: String, _ state: Finding.State, _ change: @escaping @Sendable (inout HostFacts) -> Void) {
            self.name = name
            self.state = state
            self.change = change
        }
        var testDescription: String { "\(name) \(state)" }
    }

    static let cases: [Case] = [
        Case("signing port", .bad) { $0.configuration.server.listenAddress = "0.0.0.0" },
        Case("signing port", .bad) { $0.configuration.server.listenAddress = "::" },
        Case("signing port", .bad) { $0.configuration.server.listenAddress = "203.0.114.7" },
        Case("signing port", .ok) { $0.configuration.server.listenAddress = "10.1.2.3" },
        Case("signing port", .ok) { $0.configuration.server.listenAddress = "fd00::1" },
        Case("metrics port", .bad) { $0.configuration.metrics.listenAddress = "0.0.0.0" },
        Case("metrics port", .ok) { $0.configuration.metrics.isEnabled = false },
        Case("firewall", .unknown) { $0.configuration.server.listenAddress = "10.1.2.3" },
        Case("firewall", .unknown) {
            $0.configuration.server.listenAddress = "10.1.2.3"
            $0.firewall = .notPermitted
        },
        Case("firewall", .bad) {
            $0.configuration.server.listenAddress = "10.1.2.3"
            $0.firewall = .none
        },
        Case("firewall", .ok) {
            $0.configuration.server.listenAddress = "10.1.2.3"
            $0.firewall = .rules("tcp dport 9000 ip saddr != 10.1.2.4 drop")
        },
        Case("firewall", .warn) {
            $0.configuration.server.listenAddress = "10.1.2.3"
            $0.firewall = .rules("tcp dport 90001 drop")
        },
        Case("tokens", .warn) { $0.configuration.auth.mode = .open },
        Case("tokens", .bad) {
            $0.configuration.auth.mode = .open
            $0.configuration.server.listenAddress = "10.1.2.3"
        },
        Case("other instances", .warn) {
            $0.configuration.signerState.namedBackend = .postgres
            $0.configuration.signerState.refreshInterval = .zero
        },
        Case("other instances", .ok) { $0.configuration.signerState.namedBackend = .dynamodb },
        Case("slashing protection", .bad) { $0.configuration.antiSlashing.backend = .noop },
        Case("user", .bad) { $0.user = 0 },
        Case("user", .unknown) {
            $0.user = 0
            $0.signer = nil
        },
        // Of a signer that does not run, root cannot know the user.
        Case("keys: /var/lib/cc/keys", .ok) {
            $0.user = 0
            $0.signer = nil
        },
        Case("keys: /var/lib/cc/keys", .bad) { $0.user = 1001 },
        Case("running signer", .unknown) { $0.signer = nil },
        Case("capabilities", .bad) { $0.signer?.capabilities = 1 << 21 },
        Case("capabilities", .unknown) { $0.signer?.capabilities = nil },
        Case("new privileges", .bad) { $0.signer?.hasNoNewPrivileges = false },
        Case("memory lock", .ok) { $0.lockedMemoryLimit = 8 << 20 },
        Case("memory lock", .warn) {
            $0.lockedMemoryLimit = 8 << 20
            $0.hasSwap = true
        },
        Case("memory lock", .bad) { $0.lockedMemoryLimit = 65_536 },
        Case("memory lock", .unknown) { $0.lockedMemoryLimit = nil },
        Case("secret memory", .warn) { $0.hasSecretMemory = false },
        Case("swap", .ok) { $0.hasSwap = true },
        Case("swap", .warn) {
            $0.hasSwap = true
            $0.lockedMemoryLimit = 8 << 20
        },
        Case("swap", .unknown) { $0.hasSwap = nil },
        Case("dumps", .warn) { $0.corePattern = "|/usr/lib/systemd/systemd-coredump %P" },
        Case("dumps", .bad) { $0.signer?.coreLimit = 1 },
        Case("seccomp", .warn) { $0.configuration.sandbox.systemCalls = .off },
        Case("seccomp", .bad) { $0.hasSeccomp = false },
        Case("seccomp", .bad) { $0.signer?.isFiltered = false },
        Case("landlock", .warn) { $0.configuration.sandbox.files = .off },
        Case("landlock", .bad) { $0.landlockVersion = 0 },
        Case("landlock", .bad) { $0.landlockVersion = 3 },
        Case("clock", .bad) { $0.clockIsSynchronized = false },
        Case("clock", .unknown) { $0.clockIsSynchronized = nil },
        Case("root file system", .warn) { $0.rootIsWritable = true },
        Case("root file system", .unknown) { $0.rootIsWritable = nil },
        Case("root file system", .ok) { $0.container = "Docker" },
        Case("encryption", .bad) { $0.configuration.server.listenAddress = "10.1.2.3" },
        Case("encryption", .ok) {
            $0.configuration.server.listenAddress = "10.1.2.3"
            $0.configuration.tls.mode = .file
        },
        Case("canaries", .warn) { $0.configuration.canaries.keys = [] },
        Case("audit", .warn) {
            $0.configuration.audit.path = nil
            $0.configuration.logging.filter = "off"
        },
        Case("audit", .warn) { $0.configuration.audit.path = nil },
    ]

    @Test(arguments: cases)
    func `each fact has its finding, and what is not well its fix`(_ item: Case) throws {
        let finding = try #require(look(item.name, item.change))
        #expect(finding.state == item.state, "\(finding)")
        #expect((finding.fix == nil) == (item.state == .ok))
        #expect(!finding.why.isEmpty && !finding.what.contains("\n"))
    }

    @Test func `strict demands what protects the process, not how it is reached`() {
        var facts = Self.well
        facts.configuration.server.listenAddress = "0.0.0.0"
        facts.configuration.canaries.keys = []
        facts.clockIsSynchronized = false
        #expect(Examination(facts).protections.allSatisfy { $0.state == .ok })
        facts.files = []
        facts.folders = []
        facts.user = 0
        facts.hasSecretMemory = false
        facts.configuration.sandbox.files = .off
        let missing = Examination(facts).protections.filter { $0.state != .ok }.map(\.name)
        #expect(missing == ["user", "secret memory", "landlock"])
    }

    @Test(arguments: [(0o644, 1000, true), (0o600, 1001, true), (0o600, 0, false), (0o400, 1000, false)])
    func `files are for the signer alone`(mode: Int, owner: Int, isBad: Bool) throws {
        let finding = look("keys: /k.json") {
            $0.files = [
                .init(path: "/k.json", role: .keys, isFolder: false, mode: UInt32(mode), owner: UInt32(owner))
            ]
        }
        #expect(try #require(finding).state == (isBad ? .bad : .ok))
        if mode == 0o644 { #expect(finding?.fix == "chmod 600 /k.json") }
        if owner == 1001 { #expect(finding?.fix == "chown 1000 /k.json") }
    }

    @Test func `a kernel without filters for calls is not told of Landlock`() throws {
        let calls = try #require(look("seccomp") { $0.hasSeccomp = false }?.fix)
        #expect(calls.contains("CONFIG_SECCOMP_FILTER") && !calls.contains("landlock"))
        let files = try #require(look("landlock") { $0.landlockVersion = 0 }?.fix)
        #expect(files.contains("lsm=landlock"))
    }

    @Test(arguments: [
        (0o777, 1000, "chmod go-w /f"), (0o775, 0, "chmod go-w /f"), (0o702, 1000, "chmod go-w /f"),
        (0o755, 1001, "chown root /f"), (0o1777, 1001, "chown root /f"),
        (0o755, 0, nil), (0o700, 1000, nil), (0o1777, 0, nil), (0o1777, 1000, nil),
    ])
    func `folders that lead to files are written by root and the signer alone`(mode: Int, owner: Int, fix: String?) {
        var facts = Self.well
        facts.folders.append(.init(path: "/f", mode: UInt32(mode), owner: UInt32(owner)))
        let bad = Examination(facts).protections.filter { $0.state != .ok }
        #expect(bad.map(\.name) == (fix == nil ? [] : ["folder: /f"]))
        #expect(bad.first?.fix == fix)
    }

    @Test(arguments: [(0o644, 1000, nil), (0o666, 1000, "chmod go-w /ca.pem"), (0o644, 1001, "chown 1000 /ca.pem")])
    func `what decides who may connect can be read by everybody, and written by nobody else`(
        mode: Int,
        owner: Int,
        fix: String?
    ) throws {
        for role in [HostFacts.FileFact.Role.clientAuthority, .knownClients, .tlsCertificate] {
            let finding = look("\(role.rawValue): /ca.pem") {
                $0.files = [
                    .init(path: "/ca.pem", role: role, isFolder: false, mode: UInt32(mode), owner: UInt32(owner))
                ]
            }
            #expect(try #require(finding).fix == fix)
        }
    }
}
