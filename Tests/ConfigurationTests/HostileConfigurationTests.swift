// SPDX-License-Identifier: Apache-2.0
import Configuration
import Testing

@Suite struct HostileConfigurationTests {
    @Test(.timeLimit(.minutes(2)), arguments: 0..<6)
    func `mutated files, variables and flags never crash and always print on one screen's width`(seed: UInt64) throws {
        var generator = SplitMix(seed: seed)
        let sample = Array(Configuration().show().utf8)
        let keys = Configuration.schema.settings
        for _ in 0..<250 {
            var text = sample
            for _ in 0..<Int.random(in: 1...8, using: &generator) { mutate(&text, &generator) }
            var environment: [String: String] = [:]
            var flags: [(String, String)] = []
            for _ in 0..<3 {
                guard let setting = keys.randomElement(using: &generator) else { continue }
                environment[setting.environmentName] = noise(&generator)
                flags.append((setting.flagName, noise(&generator)))
            }
            let found = problems(String(decoding: text, as: UTF8.self), environment: environment, flags: flags)
            let report = ConfigurationError(found).description
            #expect(!report.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: 0..<4)
    func `mutated settings of Web3Signer never crash the translation, and what comes out loads`(seed: UInt64) throws {
        var generator = SplitMix(seed: seed)
        let sample = Array(
            """
            http-listen-port: 6174
            http-host-allowlist: ["*", signer]
            key-config-path: "./keys"
            logging: info
            eth2.network: mainnet
            eth2: {slashing-protection-enabled: true, keystores-path: /a, keystores-password-file: /b}
            eth2.slashing-protection-pruning-interval: 5
            """.utf8
        )
        for _ in 0..<150 {
            var text = sample
            for _ in 0..<Int.random(in: 1...4, using: &generator) { mutate(&text, &generator) }
            let option = Configuration.schema.settings.randomElement(using: &generator)?.flagName ?? ""
            let file = ConfigurationFile(path: "x", text: String(decoding: text, as: UTF8.self))
            let conversion = try? Configuration.fromWeb3Signer(
                arguments: ["--http-listen-host", noise(&generator), "--\(option)", noise(&generator)],
                file: file,
                environment: ["WEB3SIGNER_LOGGING": noise(&generator)]
            )
            guard let conversion else { continue }
            // Settings may contradict each other, as they did before; each by itself is sound.
            #expect(problems(conversion.yaml).allSatisfy { $0.isConflict })
        }
    }

    @Test(.timeLimit(.minutes(1))) func `thousands of unknown keys are each named in bounded time`() {
        let yaml = (0..<2000).map { "unknown_key_\($0): \($0)\n" }.joined()
        #expect(problems(yaml).count == 2000)
        let long = String(repeating: "k", count: 200_000)
        #expect(ConfigurationError(problems("\"\(long)\": 1")).description.utf8.count < 1000)
    }

    private func mutate(_ text: inout [UInt8], _ generator: inout SplitMix) {
        guard !text.isEmpty else { return }
        let position = Int.random(in: 0..<text.count, using: &generator)
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: text[position] = UInt8.random(in: 0...255, using: &generator)
        case 1: text.remove(at: position)
        case 2: text.insert(Array("[]{}:-?&*!|>'\"%@`#,\n\t ".utf8).randomElement(using: &generator) ?? 0, at: position)
        case 3: text.removeSubrange(position..<min(text.count, position + 60))
        default: text.insert(contentsOf: text[position...].prefix(40), at: position)
        }
    }

    private func noise(_ generator: inout SplitMix) -> String {
        let choices = [
            "", "0", "-1", "true", "a,b", ",", "0x", "::", "\u{0}", "\u{1B}[2J", "9999999999999999999999", "é",
        ]
        return choices.randomElement(using: &generator) ?? ""
    }
}

/// Random numbers that are the same in every run.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
