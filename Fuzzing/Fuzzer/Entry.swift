// SPDX-License-Identifier: Apache-2.0
internal import CLibFuzzer
internal import Foundation

/// Fuzzes the target that `CHAMBER_FUZZ_TARGET` names, with libFuzzer's own options. With `CHAMBER_FUZZ_SEEDS=FOLDER` it
/// writes the target's seeds and dictionary there instead.
///
/// Pointers of libFuzzer become values here and nowhere else. `main` is ours, because SwiftPM gives every executable
/// one under a name that libFuzzer's own cannot take.
@main enum Entry {
    static func main() {
        if let folder = ProcessInfo.processInfo.environment["CHAMBER_FUZZ_SEEDS"] {
            return Campaign.writeSeeds(of: Campaign.target, to: folder)
        }
        var count = CommandLine.argc
        // The arguments live as long as the process; the bytes of an input for the time of the call.
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe CommandLine.unsafeArgv
        let status = unsafe LLVMFuzzerRunDriver(&count, &arguments) { bytes, count in
            Campaign.target.run(unsafe [UInt8](UnsafeBufferPointer(start: bytes, count: count)))
            return 0
        }
        exit(status)
    }
}
