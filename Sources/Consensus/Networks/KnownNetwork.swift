// SPDX-License-Identifier: Apache-2.0
internal import Encoding

/// The networks that are compiled in, under the names that Web3Signer's `--network` takes.
///
/// Schedules and clocks come from the `config.yaml` of each chain, as the eth-clients repositories, Lighthouse
/// (`built_in_network_configs`) and Teku (`spec/config/configs`) publish it. A root of the validators at genesis is in
/// none of these; where each comes from is said beside it, and every one was found equal in two independent places.
package enum KnownNetwork: String, CaseIterable, Sendable {
    case mainnet, sepolia, holesky, hoodi, ephemery, gnosis, chiado, lukso, minimal, swift, plataberget
    case lessSwift = "less-swift"

    /// Web3Signer's name of it.
    package var name: String { rawValue }

    package var network: Network {
        Network(
            name: name,
            preset: preset,
            forks: ForkSchedule(known: versions, epochs: epochs),
            secondsPerSlot: secondsPerSlot,
            genesisTime: genesisTime,
            genesisValidatorsRoot: genesisValidatorsRoot
        )
    }

    private var preset: Preset {
        switch self {
        case .gnosis, .chiado: .gnosis
        case .minimal: .minimal
        case .swift, .lessSwift: .swift
        default: .mainnet
        }
    }

    private var secondsPerSlot: UInt64 {
        switch self {
        case .gnosis, .chiado: 5
        case .minimal, .lessSwift: 6
        case .swift: 2
        default: 12
        }
    }

    /// The forks' versions from genesis on.
    private var versions: [UInt32] {
        switch self {
        case .mainnet: (0...7).map { $0 << 24 }
        case .sepolia: [0x9000_0069] + (0x70...0x76).map { 0x9000_0000 + $0 }
        case .holesky: (1...8).map { $0 << 24 + 0x01_7000 }
        case .hoodi: (1...8).map { $0 << 28 + 0x910 }
        case .ephemery: (1...8).map { $0 << 28 + 0x101b }
        case .gnosis: (0...7).map { $0 << 24 + 0x64 }
        case .chiado: (0...7).map { $0 << 24 + 0x6f }
        case .lukso: (1...6).map { 0x4200_0000 + $0 }
        case .minimal, .swift, .lessSwift: (0...7).map { $0 << 24 + 1 }
        case .plataberget: (1...8).map { $0 << 28 + 0x73_3183 }
        }
    }

    /// The first epochs of Altair and the forks after it, as far as they are scheduled.
    private var epochs: [Epoch] {
        switch self {
        case .mainnet: [74_240, 144_896, 194_048, 269_568, 364_032, 411_392]
        case .sepolia: [50, 100, 56_832, 132_608, 222_464, 272_640]
        case .holesky: [0, 0, 256, 29_696, 115_968, 165_120]
        case .hoodi: [0, 0, 0, 0, 2048, 50_688]
        case .ephemery: [0, 0, 0, 0, 10]
        case .gnosis: [512, 385_536, 648_704, 889_856, 1_337_856, 1_714_688]
        case .chiado: [90, 180, 244_224, 516_608, 948_224, 1_353_216]
        case .lukso: [0, 0, 8100, 123_075, 190_800]
        case .minimal: []
        case .swift, .lessSwift: [0]
        case .plataberget: [0, 0, 0, 0, 0, 0, 1536]
        }
    }

    /// `genesis_time` of the chain as its nodes report it, not `MIN_GENESIS_TIME`.
    private var genesisTime: UInt64? {
        switch self {
        case .mainnet: 1_606_824_023
        case .sepolia: 1_655_733_600
        case .holesky: 1_695_902_400
        case .hoodi: 1_742_213_400
        case .gnosis: 1_638_993_340
        case .chiado: 1_665_396_300
        case .lukso: 1_684_858_800
        case .plataberget: 1_786_622_400
        case .ephemery, .minimal, .swift, .lessSwift: nil
        }
    }

    private var genesisValidatorsRoot: Root? {
        guard let rootDigits else { return nil }
        guard let bytes: Bytes<32> = try? Hex.decode(rootDigits) else {
            preconditionFailure("the root of \(name) is not 32 bytes of hexadecimal")
        }
        return Root(bytes)
    }

    private var rootDigits: String? {
        switch self {
        // Lodestar, packages/config (genesisData); the same in the domains of the public signing vectors.
        case .mainnet: "4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95"
        // Lodestar, packages/config (genesisData); the same in go-ethereum's SepoliaLightConfig.
        case .sepolia: "d8ea171f3c94aea21ebc42a1ed61052acf3f9209c00e4efbaaddac09ed9b8078"
        // LambdaClass's consensus client, chain_spec/configs/holesky.ex; the same in ethstaker-deposit-cli.
        case .holesky: "9143aa7c615a7f7115e2b6aac319c03529df8242ae705fba9df39b79c59fa8b1"
        // eth-clients/hoodi, metadata/genesis_validators_root.txt; the same in ethstaker-deposit-cli.
        case .hoodi: "212f13fc4df078b6cb7db228f1c8307566dcecf900867401a92023d7ba99cb5f"
        // Lodestar, packages/config (genesisData); the same in Erigon (cl/clparams).
        case .gnosis: "f5dcb5564e829aab27264b9becd5dfaa017085611224cb3036f573368dbb9d47"
        // Erigon, cl/clparams; the same from /eth/v1/beacon/genesis as Gnosis's key generator quotes it.
        case .chiado: "9d642dac73058fbf39c0ae41ab1e34e4d889043cb199851ded7095bc99eb4c1e"
        // LUKSO's key-gen-cli, settings.py; the same in StakeWise's operator for LUKSO.
        case .lukso: "a27edd68cde5c396f499157945d062a010308ce5ed5719a6b1e12ad2a51b97e6"
        // Lodestar, packages/config/src/networks.ts; the same in the light client Colibri (corpus-core).
        case .plataberget: "bb4a1a9e3f7f4e10edcd734e4acc3b5ffd4f830efe0af2748fa458cfee5d2658"
        // Ephemery begins anew every few weeks; the others are made anew by whoever starts one.
        case .ephemery, .minimal, .swift, .lessSwift: nil
        }
    }
}

extension ForkSchedule {
    /// For the tables above, which tests hold to the rules that configured schedules must keep.
    fileprivate init(known versions: [UInt32], epochs: [Epoch]) {
        let later = versions.dropFirst().enumerated().map { position, version in
            (version: ForkVersion(version), epoch: position < epochs.count ? epochs[position] : nil)
        }
        do {
            try self.init(genesis: ForkVersion(versions[0]), later)
        } catch {
            preconditionFailure("a compiled-in fork schedule breaks its rules: \(error)")
        }
    }
}

extension Network {
    /// The compiled-in network of this name, as Web3Signer's `--network` spells it, in any case.
    package static func named(_ name: String) -> Network? {
        KnownNetwork(rawValue: name.lowercased())?.network
    }

    package static let mainnet = KnownNetwork.mainnet.network

    /// Every compiled-in network.
    package static var allNamed: [Network] { KnownNetwork.allCases.map(\.network) }
}
