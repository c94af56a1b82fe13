// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

// One table of targets, bottom to top: a target depends only on what stands above it. Who may import which C library
// is held by ArchitectureTests.

/// A C library of the distribution, found through pkg-config where it is not the C library itself.
func library(_ name: String, _ pkgConfig: String? = nil) -> Target {
    .systemLibrary(name: name, path: "Sources/CLibraries/\(name)", pkgConfig: pkgConfig)
}

let targets: [Target] = [
    library("CBlst", "libblst"),
    library("CSodium", "libsodium"),
    library("COpenSSL", "libcrypto"),
    library("CSQLite", "sqlite3"),
    library("CPostgreSQL", "libpq"),
    library("CMicrohttpd", "libmicrohttpd"),
    library("CGnuTLS", "gnutls"),
    library("CYAML", "yaml-0.1"),
    library("CCurl", "libcurl"),
    library("CAWS", "libawscrt"),
    library("CSeccomp", "libseccomp"),
    .target(name: "CLinux", path: "Sources/CLibraries/CLinux"),
    .target(name: "CWipingHeap", path: "Sources/CLibraries/CWipingHeap"),

    .target(name: "Encoding"),
    .target(name: "JSON"),
    .target(name: "Concurrency", dependencies: ["CLinux"]),
    .target(name: "Secrets", dependencies: ["CSodium", "CLinux", "Concurrency"]),
    .target(name: "Crypto", dependencies: ["COpenSSL", "Encoding", "Secrets"]),
    .target(name: "Age", dependencies: ["Crypto", "Encoding", "Secrets"]),
    .target(name: "BLS", dependencies: ["CBlst", "Encoding", "Secrets"]),
    .target(name: "SQLite", dependencies: ["CLinux", "CSQLite"]),
    .target(name: "PostgreSQL", dependencies: ["CPostgreSQL", "Concurrency"]),
    .target(
        name: "HTTPServer",
        dependencies: ["CMicrohttpd", "CGnuTLS", "CLinux", "Concurrency", "Encoding"],
        exclude: ["README.md"]
    ),
    .target(name: "HTTPClient", dependencies: ["CCurl", "Secrets"]),
    .target(name: "AWS", dependencies: ["CAWS", "Concurrency", "Encoding", "JSON", "Secrets"]),
    .target(name: "DynamoDB", dependencies: ["AWS", "JSON"]),
    .target(name: "YAML", dependencies: ["CYAML"]),
    .target(name: "Hardening", dependencies: ["CLinux", "CSeccomp", "CWipingHeap"]),
    .target(name: "Files", dependencies: ["CLinux"]),

    .target(name: "Consensus", dependencies: ["BLS", "Encoding"]),
    .target(name: "Keystores", dependencies: ["BLS", "Concurrency", "Crypto", "Encoding", "Secrets", "YAML"]),
    .target(name: "Mnemonics", dependencies: ["BLS", "Crypto", "Secrets"]),
    .target(
        name: "SlashingProtection",
        dependencies: [
            "AWS", "BLS", "Concurrency", "Consensus", "DynamoDB", "Encoding", "JSON", "PostgreSQL", "SQLite",
        ]
    ),
    .target(
        name: "SignerState",
        dependencies: ["Concurrency", "DynamoDB", "Encoding", "Files", "PostgreSQL", "SQLite"]
    ),
    .target(
        name: "SealedKeys",
        dependencies: ["AWS", "Concurrency", "DynamoDB", "Encoding", "PostgreSQL", "SQLite"]
    ),
    .target(
        name: "Authorization",
        dependencies: ["BLS", "Concurrency", "Consensus", "Crypto", "Encoding", "JSON", "Secrets", "SignerState"]
    ),
    .target(
        name: "Sealing",
        dependencies: [
            "AWS", "BLS", "Concurrency", "Crypto", "Encoding", "JSON", "SealedKeys", "Secrets", "SignerState",
        ],
        exclude: ["README.md"]
    ),
    .target(name: "Telemetry", dependencies: ["Concurrency", "Encoding"]),
    .target(
        name: "Audit",
        dependencies: ["Concurrency", "Crypto", "Encoding", "Files", "JSON", "Secrets", "SignerState", "Telemetry"]
    ),
    .target(
        name: "Signer",
        dependencies: [
            "Authorization", "BLS", "Concurrency", "Consensus", "Encoding", "Secrets", "SlashingProtection",
            "Telemetry",
        ]
    ),
    .target(
        name: "SignerAPI",
        dependencies: [
            "Age", "Authorization", "BLS", "Concurrency", "Consensus", "Crypto", "Encoding", "HTTPServer", "JSON",
            "Keystores",
            "Mnemonics", "SealedKeys", "Sealing", "Secrets", "Signer", "SignerState", "SlashingProtection", "Telemetry",
        ]
    ),
    .target(name: "Arguments"),
    .target(name: "Configuration", dependencies: ["Arguments", "Encoding", "YAML"]),
    .target(name: "Doctor", dependencies: ["Configuration", "Encoding"]),
    .executableTarget(
        name: "ContainmentChamber",
        dependencies: [
            "AWS", "Age", "Arguments", "Audit", "Authorization", "BLS", "Concurrency", "Configuration", "Consensus",
            "Crypto",
            "Doctor", "DynamoDB", "Encoding", "Files", "HTTPClient",
            "HTTPServer", "Hardening", "JSON", "Keystores", "Mnemonics", "PostgreSQL", "SealedKeys", "Sealing",
            "Secrets", "Signer", "SignerAPI", "SignerState", "SlashingProtection", "Telemetry",
        ],
        // Every function of a library is looked up at the start: looked up later, a lookup leaves on the stack what was in the
        // processor's registers, and the table of addresses has to stay writable.
        linkerSettings: [.unsafeFlags(["-Xlinker", "-z", "-Xlinker", "now"])]
    ),

    // Also for the benchmark, which stands above it.
    .target(name: "PostgreSQLServer", dependencies: ["Concurrency", "TestSupport"], path: "Tests/PostgreSQLServer"),

    library("CEpoll"),
    .executableTarget(
        name: "Benchmarks",
        dependencies: [
            "AWS", "Authorization", "BLS", "CBlst", "CEpoll", "CGnuTLS", "Concurrency", "Consensus", "DynamoDB",
            "Encoding",
            "HTTPClient", "HTTPServer", "PostgreSQL", "PostgreSQLServer", "SealedKeys", "Sealing", "Secrets",
            "SignerAPI",
            "SignerState", "SlashingProtection", "TestSupport",
        ],
        path: "Benchmarks"
    ),

    .target(
        name: "TestSupport",
        dependencies: ["Concurrency", "Encoding", "HTTPClient", "Secrets"],
        path: "Tests/TestSupport"
    ),
    .target(
        name: "FaultVFS",
        dependencies: ["CSQLite", "Concurrency", "SQLite", "TestSupport"],
        path: "Tests/FaultVFS"
    ),
    .testTarget(
        name: "AgeTests",
        dependencies: ["Age", "Concurrency", "Crypto", "Encoding", "Secrets", "TestSupport"],
        exclude: ["at-a-terminal"]
    ),
    .testTarget(name: "ArchitectureTests"),
    .testTarget(name: "ArgumentsTests", dependencies: ["Arguments"]),
    .testTarget(
        name: "AuthorizationTests",
        dependencies: [
            "Authorization", "BLS", "Concurrency", "Consensus", "Crypto", "Encoding", "JSON", "Secrets", "SignerState",
            "TestSupport",
        ]
    ),
    .testTarget(
        name: "AuditTests",
        dependencies: [
            "Audit", "Concurrency", "Crypto", "Encoding", "Files", "SignerState", "Telemetry", "TestSupport",
        ]
    ),
    .testTarget(
        name: "AWSTests",
        dependencies: ["AWS", "Concurrency", "Crypto", "Encoding", "Secrets", "TestSupport"]
    ),
    .testTarget(name: "BLSTests", dependencies: ["BLS", "Encoding", "Secrets", "TestSupport"]),
    .testTarget(name: "CompileFailTests", dependencies: ["Secrets", "SlashingProtection", "TestSupport"]),
    .testTarget(name: "ConcurrencyTests", dependencies: ["Concurrency"]),
    .testTarget(name: "ConfigurationTests", dependencies: ["Arguments", "Configuration", "Encoding", "YAML"]),
    .testTarget(name: "ConsensusTests", dependencies: ["BLS", "Consensus", "Encoding"]),
    .testTarget(name: "CryptoTests", dependencies: ["Crypto", "Encoding", "Secrets"]),
    .testTarget(name: "DoctorTests", dependencies: ["Configuration", "Doctor", "Encoding"]),
    .testTarget(name: "DynamoDBTests", dependencies: ["AWS", "DynamoDB", "TestSupport"]),
    .testTarget(name: "EncodingTests", dependencies: ["Encoding"]),
    .testTarget(
        name: "EndToEndTests",
        dependencies: [
            "AWS", "Age", "BLS", "Concurrency", "Consensus", "ContainmentChamber", "Crypto", "DynamoDB", "Encoding",
            "Hardening", "JSON", "Keystores", "PostgreSQLServer", "SQLite", "SealedKeys", "Sealing", "Secrets",
            "SignerState", "SlashingProtection", "TestSupport",
        ]
    ),
    .testTarget(
        name: "HTTPServerTests",
        dependencies: ["CGnuTLS", "Concurrency", "Encoding", "HTTPServer", "TestSupport"]
    ),
    // What the sandbox refuses, tried from inside by a program of its own.
    .target(name: "CAttempts", path: "Tests/CAttempts"),
    .executableTarget(
        name: "SandboxProbe",
        dependencies: ["CAttempts", "Hardening"],
        path: "Tests/SandboxProbe"
    ),
    .testTarget(
        name: "HardeningTests",
        dependencies: ["CLinux", "Concurrency", "Hardening", "SandboxProbe", "TestSupport"]
    ),
    .testTarget(name: "JSONTests", dependencies: ["JSON", "TestSupport"]),
    .testTarget(
        name: "KeystoresTests",
        dependencies: ["BLS", "Concurrency", "Crypto", "Encoding", "Keystores", "Secrets", "TestSupport"]
    ),
    .testTarget(
        name: "MnemonicsTests",
        dependencies: ["BLS", "Crypto", "Encoding", "Mnemonics", "Secrets", "TestSupport"]
    ),
    .testTarget(
        name: "PostgreSQLTests",
        dependencies: ["Concurrency", "PostgreSQL", "PostgreSQLServer", "TestSupport"]
    ),
    .testTarget(
        name: "SealedKeysTests",
        dependencies: [
            "AWS", "Concurrency", "DynamoDB", "Encoding", "FaultVFS", "PostgreSQL", "PostgreSQLServer", "SQLite",
            "SealedKeys", "TestSupport",
        ]
    ),
    .testTarget(
        name: "SealingTests",
        dependencies: [
            "AWS", "BLS", "Concurrency", "Crypto", "Encoding", "JSON", "SealedKeys", "Sealing", "Secrets",
            "SignerState",
            "TestSupport",
        ]
    ),
    .testTarget(name: "SecretsTests", dependencies: ["Concurrency", "Encoding", "Secrets"]),
    .testTarget(
        name: "SignerAPITests",
        dependencies: [
            "Age", "Authorization", "BLS", "Concurrency", "Consensus", "Crypto", "Encoding", "HTTPServer", "JSON",
            "Keystores", "Mnemonics",
            "SealedKeys", "Sealing", "Secrets", "Signer", "SignerAPI", "SignerState", "SlashingProtection", "Telemetry",
            "TestSupport",
        ]
    ),
    .testTarget(
        name: "SignerStateTests",
        dependencies: [
            "AWS", "Concurrency", "DynamoDB", "PostgreSQL", "PostgreSQLServer", "SQLite", "SignerState", "TestSupport",
        ]
    ),
    .testTarget(
        name: "SignerTests",
        dependencies: [
            "BLS", "Concurrency", "Consensus", "Encoding", "Secrets", "Signer", "SlashingProtection", "Telemetry",
        ]
    ),
    .testTarget(
        name: "SlashingProtectionTests",
        dependencies: [
            "AWS", "BLS", "CLinux", "Concurrency", "Consensus", "DynamoDB", "Encoding", "FaultVFS", "HTTPClient",
            "PostgreSQL", "PostgreSQLServer", "SQLite", "SlashingProtection", "TestSupport",
        ]
    ),
    .testTarget(name: "TelemetryTests", dependencies: ["Concurrency", "Encoding", "Telemetry"]),
    .testTarget(name: "YAMLTests", dependencies: ["YAML"]),
]

/// The long campaigns of `make soak` (Fuzzing/README.md). An ordinary build does not know them.
let campaigns: [Target] =
    Context.environment["CHAMBER_FUZZING"] == nil
    ? []
    : [
        .systemLibrary(name: "CLibFuzzer", path: "Fuzzing/CLibFuzzer"),
        .executableTarget(
            name: "Fuzzer",
            dependencies: [
                "CLibFuzzer", "Age", "Audit", "BLS", "Configuration", "Consensus", "Crypto", "Encoding", "Files",
                "HTTPServer",
                "JSON",
                "Keystores", "Secrets", "SignerAPI",
                "SlashingProtection", "TestSupport", "YAML",
            ],
            path: "Fuzzing/Fuzzer"
        ),
        .executableTarget(
            name: "MalformedRequests",
            dependencies: ["Concurrency", "TestSupport"],
            path: "Fuzzing/MalformedRequests"
        ),
        .executableTarget(
            name: "Overload",
            dependencies: ["Concurrency", "TestSupport"],
            path: "Fuzzing/Overload"
        ),
    ]

let settings: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),  // SE-0335
    .enableUpcomingFeature("InternalImportsByDefault"),  // SE-0409
    .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),  // SE-0461
    .enableUpcomingFeature("InferIsolatedConformances"),  // SE-0470
    .enableUpcomingFeature("ImmutableWeakCaptures"),  // SE-0481
    .enableExperimentalFeature("Lifetimes"),  // spans that are handed out by secret memory
]
for target in targets + campaigns where target.type != .system && !["CLinux", "CAttempts"].contains(target.name) {
    target.swiftSettings = settings
}

let package = Package(
    name: "containment-chamber",
    products: [.executable(name: "containment-chamber", targets: ["ContainmentChamber"])],
    targets: targets + campaigns
)
