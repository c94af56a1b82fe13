// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// A path as it is compared with others: `./record`, `record` and the whole path of it are one file. Links are not followed: the
/// files may come into being later.
struct FilePath: Hashable {
    private let standardized: String

    init(_ path: String) {
        standardized = URL(filePath: path).standardizedFileURL.path
    }
}
