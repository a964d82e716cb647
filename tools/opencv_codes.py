"""What OpenCV reads in the JPEG files that are named: run by ``tools/frames.py`` in an environment of its own."""

from __future__ import annotations

import json
import sys

import cv2


def main() -> None:
    detector = cv2.QRCodeDetector()
    found = {}
    for path in sys.argv[1:]:
        try:
            found[path] = detector.detectAndDecode(cv2.imread(path, cv2.IMREAD_GRAYSCALE))[0]
        except (cv2.error, UnicodeDecodeError):
            found[path] = ""
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
