#!/usr/bin/python3
"""A second decoder of the backup format, written from docs/format.md alone.

decode.py BUCKET_DIR SOURCE BACKUP_ID OUTDIR [--key-file FILE] [--kms]
    OUTDIR/<archive>.tar, OUTDIR/backup_manifest, OUTDIR/data: unpacked and, if incremental, combined with its parents
decode.py --dump BUCKET_DIR SOURCE DUMP_ID OUTDIR [--key-file FILE] [--kms]
    OUTDIR/globals.sql, OUTDIR/<place>.dump: what pg_restore reads; prints for each its place and the database's name
decode.py --wal BUCKET_DIR SOURCE SYSTEM_ID OUTDIR [--key-file FILE] [--kms]
    OUTDIR/<file> for each WAL file; prints for each its name and how many of its bytes are stored
With --kms the aws command decrypts data keys that KMS wrapped, in the region of the key.

Whatever differs from the description is an error that names the object.
"""
import argparse, base64, hashlib, itertools, json, os, re, shutil, struct, subprocess, sys, tarfile
from pathlib import Path

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
except ImportError:
    AESGCM = None
if AESGCM is None or shutil.which("zstd") is None:
    sys.exit("decode.py needs AES-GCM and zstd: apt-get install python3-cryptography zstd (and run /usr/bin/python3)")

CIPHER, MIB = "aes-256-gcm", 1 << 20
LSN, TIME = r"[0-9A-F]{1,8}/[0-9A-F]{1,8}", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
WRAPPED_KEY = {"file": {"method": "file", "keyId": r"[0-9a-f]{16}", "wrapped": r"[A-Za-z0-9+/]{80}"},
               "kms": {"method": "kms", "keyId": r"arn:aws[\w-]*:kms:[a-z0-9-]+:\d{12}:key/[\w-]{1,256}",
                       "wrapped": r"[A-Za-z0-9+/]+={0,2}"}}
REWRAP = {"format": "lifeboat-rewrap/1", "wrapped": dict, "at": TIME}
OBJECT = {"name": str, "storedBytes": int, "sha256": r"[0-9a-f]{64}"}
PART = OBJECT | {"archive": r"base|[1-9]\d*", "part": int, "rawBytes": int}
INDEX_PART = PART | {"rawOffset": int, "frames": list, "files": list, "start": dict}
POINT = {"lsn": LSN, "timeline": int, "time": TIME}
SERVER = {"version": str, "major": int, "systemId": r"\d+", "segmentSize": int, "blockSize": int,
          "dataChecksums": bool, "superuser": str}
BACKUP = {"format": "lifeboat/1", "source": str, "backup": r"\d{8}T\d{9}Z-(full|incr)", "kind": "full|incr",
          "parent": object, "server": SERVER, "start": POINT, "stop": POINT,
          "tablespaces": [{"oid": r"[1-9]\d*", "location": str}], "rawBytes": int}
MANIFEST = BACKUP | {"parts": [PART], "index": OBJECT | {"name": "index.jsonl"}, "storedBytes": int,
                     "serverManifest": OBJECT | {"name": "backup_manifest.json"}, "encryption": object,
                     "compression": {"codec": "zstd", "level": int}, "finishedAt": TIME,
                     "requestedBy": str, "execution": object}

DUMP_PART = OBJECT | {"rawBytes": int}
DATABASE = {"name": str, "owner": str, "encoding": str, "collate": str, "ctype": str, "sizeBytes": int,
            "startedAt": TIME, "finishedAt": TIME, "parts": [DUMP_PART], "rawBytes": int, "sha256": r"[0-9a-f]{64}"}
LOCALE = {"locale": {"provider": "icu|builtin", "name": str}}
DUMP = {"format": "lifeboat-dump/1", "kind": "dump|schema", "server": {"version": str, "major": int}, "client": str,
        "globals": DUMP_PART | {"name": "globals.sql", "passwords": bool}, "databases": list, "rawBytes": int,
        "storedBytes": int, "compression": {"codec": "zstd", "level": int}, "encryption": object,
        "startedAt": TIME, "finishedAt": TIME, "requestedBy": str, "execution": object}

def need(condition, name, what):
    if not condition:
        sys.exit(f"decode.py: {name}: {what}")

def check(value, shape, name):
    """`shape` is a dict or list of shapes, a type, a pattern of text, or the value itself."""
    if isinstance(shape, dict):
        need(isinstance(value, dict) and value.keys() == shape.keys(), name, f"has not the fields {[*shape]}: {value}")
        for field in shape:
            check(value[field], shape[field], f"{name}: {field}")
    elif isinstance(shape, list):
        for each in value:
            check(each, shape[0], name)
    elif isinstance(shape, str):
        need(isinstance(value, str) and re.fullmatch(shape, value), name, f"is {value}")
    else:
        need(shape is object or type(value) is shape or value == shape, name, f"is {value}")

def parse_json(data, name):
    try:
        return json.loads(data.decode("utf-8"))
    except ValueError as error:
        need(False, name, f"no JSON: {error}")

def path_of(key):
    """The path of an object in a directory that is a bucket; no name that this decoder meets is longer than 200."""
    *folders, last = (re.sub(r"[%\x00-\x1f\x7f]|^\.", lambda found: f"%{ord(found[0]):02X}", element)
                      for element in key.split("/"))
    return "/".join([*(f"{each}%" if "." in each else each for each in folders), last if "." in last else f"{last}%"])

class Bucket:
    def __init__(self, folder, key_file, kms):
        self.folder, self.keys, self.kms, self.serials, self.data_keys = folder, {}, kms, set(), {}
        lines = [line.strip() for line in open(key_file, encoding="utf-8")] if key_file else []
        for line in (line for line in lines if line and not line.startswith("#")):
            check(line, r"lifeboat-key-1:[A-Za-z0-9+/]{43}=", key_file)
            key = base64.b64decode(line.partition(":")[2])
            self.keys[hashlib.sha256(key).hexdigest()[:16]] = key

    def get(self, key):
        path = Path(self.folder, path_of(key))
        need(path.is_file(), key, "is missing")
        return path.read_bytes()

    def unwrap(self, wrapped, context, name):
        known = (context, wrapped.get("wrapped"))
        if known not in self.data_keys:
            ways = (self.open(way, context, at) for at, way in self.ways(wrapped, context, name))
            self.data_keys[known] = next((data_key for data_key in ways if data_key), None)
        need(self.data_keys[known], name, f"the key file does not have its key {wrapped['keyId']}")
        return self.data_keys[known]

    def ways(self, wrapped, context, name):
        """The wrapped key as it is stored, then as it was re-wrapped."""
        yield name, wrapped
        digest = hashlib.sha256(wrapped["wrapped"].encode()).hexdigest()
        folder = f"{context.partition('/')[0]}/keys/{digest[:32]}"
        for path in sorted(Path(self.folder, path_of(f"{folder}/x")).parent.glob("*.json")):
            rewrap = parse_json(path.read_bytes(), f"{folder}/{path.name}")
            check(rewrap, {**REWRAP, "context": context, "original": digest}, f"{folder}/{path.name}")
            by = rewrap["wrapped"]["keyId"].rpartition("/")[2]
            need(path.stem == f"{rewrap['wrapped']['method']}-{by}", f"{folder}/{path.name}", f"is wrapped by {by}")
            yield f"{folder}/{path.name}", rewrap["wrapped"]

    def open(self, wrapped, context, name):
        check(wrapped, WRAPPED_KEY.get(wrapped.get("method"), {}), name)
        data, key = base64.b64decode(wrapped["wrapped"]), self.keys.get(wrapped["keyId"])
        if wrapped["method"] == "kms" and self.kms:
            return decrypt_by_kms(wrapped["keyId"], data, context, name)
        additional = f"lifeboat/1 data key {context}".encode()
        return key and unseal(key, data[:12], data[12:], additional, f"{name}: its data key")

    def read_container(self, name, body, shape, data_key=None, key_context=None):
        """The header, the raw bytes, and the stored and raw length of each frame."""
        magic, length = struct.unpack_from("<2I", body.ljust(8, b"\0"))
        at, flags, raw, frames = 8 + length, 0, [], []
        need(magic == 0x184D2A5E and at <= len(body), name, "has no header")
        digest, header = hashlib.sha256(body[8:at]).digest(), parse_json(body[8:at], name)
        encrypted = header.get("cipher") != "none"
        if key_context:  # the key stands in the header
            shape |= {"cipher": CIPHER, "key": dict} if encrypted else {"cipher": "none"}
        check(header, {"format": "lifeboat/1", "serial": int, **shape}, f"{name}: header")
        if key_context and encrypted:
            data_key = self.unwrap(header["key"], key_context, name)
        need(not encrypted or (data_key, header["serial"]) not in self.serials, name, "its serial was used before")
        self.serials.add((data_key, header["serial"]))
        while not flags & 1:
            frame = f"{name}: frame {len(frames)}"
            need(at + 24 <= len(body), frame, "is missing")
            magic, sixteen, stored_length, raw_length, number, flags = struct.unpack_from("<6I", body, at)
            need((magic, sixteen, number) == (0x184D2A5F, 16, len(frames)), frame, "has not its frame header")
            need(raw_length <= 4 * MIB and flags in (0, 1), frame, f"has raw length {raw_length}, flags {flags}")
            stored = body[at + 24:at + 24 + stored_length]
            need(len(stored) == stored_length, frame, "is cut")
            if data_key:
                nonce = struct.pack(">IQ", header["serial"], number)
                stored = unseal(data_key, nonce, stored, digest + body[at + 8:at + 24], frame)
            need(stored[:4] == b"\x28\xb5\x2f\xfd" and stored[4] & 4, frame, "is no zstd frame with a checksum")
            done = subprocess.run(["zstd", "-dcq"], input=stored, capture_output=True)
            fits = done.returncode == 0 and len(done.stdout) == raw_length
            need(fits, frame, f"does not have {raw_length} raw bytes {done.stderr.decode()}")
            raw.append(done.stdout)
            frames.append([stored_length, raw_length])
            at += 24 + stored_length
        need(at == len(body), name, "goes on after its last frame")
        return header, b"".join(raw), frames

def decrypt_by_kms(key_id, blob, context, name):
    source, _, use = context.partition("/")
    encryption_context = json.dumps({"lifeboat:source": source, "lifeboat:for": use})
    done = subprocess.run(["aws", "kms", "decrypt", "--output", "json", "--region", key_id.split(":")[3],
                           "--key-id", key_id, "--ciphertext-blob", "fileb:///dev/stdin",
                           "--encryption-context", encryption_context], input=blob, capture_output=True)
    need(done.returncode == 0, name, f"KMS does not decrypt its data key: {done.stderr.decode()}")
    data_key = base64.b64decode(json.loads(done.stdout)["Plaintext"])
    need(len(data_key) == 32, name, f"its data key has {len(data_key)} bytes")
    return data_key

def unseal(key, nonce, sealed, additional, name):
    try:
        return AESGCM(key).decrypt(nonce, sealed, additional)
    except InvalidTag:
        need(False, name, "was changed, the tag does not fit")

class Backup:
    def __init__(self, bucket, source, backup, out):
        self.bucket, self.source, self.id, self.out = bucket, source, backup, out
        self.folder, self.files = f"{source}/backups/{backup}", {}
        os.makedirs(f"{out}/data")

    def decode(self):
        name = f"{self.folder}/manifest.json"
        self.manifest = manifest = parse_json(self.bucket.get(name), name)
        check(manifest, MANIFEST | {"source": self.source, "backup": self.id, "kind": self.id[-4:]}, name)
        need((manifest["kind"] == "full") == (manifest["parent"] is None), name, f"its parent is {manifest['parent']}")
        objects = [*manifest["parts"], manifest["index"], manifest["serverManifest"]]
        need(manifest["rawBytes"] == sum(part["rawBytes"] for part in manifest["parts"]), name, "rawBytes is no sum")
        need(manifest["storedBytes"] == sum(each["storedBytes"] for each in objects), name, "storedBytes is no sum")
        encryption, self.cipher, self.data_key = manifest["encryption"], "none", None
        if encryption:
            check(encryption, {"cipher": CIPHER, "key": dict}, name)
            self.cipher, self.data_key = CIPHER, self.bucket.unwrap(encryption["key"], f"{self.source}/{self.id}", name)
        parts = self.read_index()
        archives = [*(tablespace["oid"] for tablespace in manifest["tablespaces"]), "base"]
        need({part["archive"] for part in parts} == {*archives}, name, f"has not the archives {archives}")
        for archive in archives:
            self.decode_archive(archive, [part for part in parts if part["archive"] == archive])
        raw, _ = self.read(manifest["serverManifest"], kind="backup_manifest")
        Path(self.out, "backup_manifest").write_bytes(raw)
        listed = {file["Path"]: file["Size"] for file in parse_json(raw, name)["Files"]}
        need(listed == self.files, self.folder, "backup_manifest.json has not the files of the archives")
        if manifest["kind"] == "incr":
            self.combine()
        return self

    def read(self, entry, **expected):
        name = f"{self.folder}/{entry['name']}"
        body = self.bucket.get(name)
        need(len(body) == entry["storedBytes"], name, f"has {len(body)} bytes, not {entry['storedBytes']}")
        need(hashlib.sha256(body).hexdigest() == entry["sha256"], name, "has not the SHA-256 of the manifest")
        shape = {"cipher": self.cipher, "source": self.source, "backup": self.id, **expected}
        return self.bucket.read_container(name, body, shape, self.data_key)[1:]

    def read_index(self):
        name = f"{self.folder}/index.jsonl"
        raw, _ = self.read(self.manifest["index"], kind="index")
        need(raw.endswith(b"\n"), name, "its last line is cut")
        first, *lines, last = [parse_json(line, name) for line in raw[:-1].split(b"\n")]
        check(first, {"backup": BACKUP}, name)
        need(first["backup"].items() <= self.manifest.items(), name, "does not have the manifest's backup")
        check(lines, [{"part": INDEX_PART}], name)
        parts = [line["part"] for line in lines]
        need(last == {"end": {"parts": len(parts)}}, name, f"its end after {len(parts)} parts is {last}")
        described = [{field: part[field] for field in PART} for part in parts]
        need(described == self.manifest["parts"], name, "has not the manifest's parts")
        return parts

    def decode_archive(self, archive, parts):
        target, offset = f"{self.out}/{archive}.tar", 0
        with open(target, "xb") as file:
            for number, part in enumerate(parts):
                expected = {"name": f"{archive}.tar.{number:06}", "part": number, "rawOffset": offset}
                name = f"{self.folder}/{expected['name']}"
                check(part, INDEX_PART | expected, name)
                raw, frames = self.read(part, kind="part", archive=archive, part=number)
                need(frames == part["frames"], name, "has not the frames of the index")
                whole = part["rawBytes"] in (64 * MIB, 128 * MIB, 256 * MIB) or part is parts[-1]
                need(len(raw) == part["rawBytes"] and whole, name, f"has {len(raw)} raw bytes")
                file.write(raw)
                offset += len(raw)
        with tarfile.open(target) as tar:
            members = tar.getmembers()
            for part in parts:
                self.check_place(part, members, f"{self.folder}/{part['name']}")
        need(all(member.isdir() or member.isreg() for member in members), target, "has more than files and folders")
        prefix = "" if archive == "base" else f"pg_tblspc/{archive}/"
        os.makedirs(f"{self.out}/data/{prefix}", exist_ok=True)
        unpacked = subprocess.run(["tar", "-xf", target, "-C", f"{self.out}/data/{prefix}", "--no-same-owner"])
        need(unpacked.returncode == 0, target, "cannot be unpacked")
        self.files |= {os.path.normpath(prefix + member.name): member.size for member in members if member.isreg()}

    def check_place(self, part, members, name):
        """Parts begin at multiples of 512: at a header or in a file's content, never in a header or in padding."""
        begin, end = part["rawOffset"], part["rawOffset"] + part["rawBytes"]
        files = [[member.name.removeprefix("./") + "/" * member.isdir(), member.offset, member.size]
                 for member in members if begin <= member.offset < end]
        need(part["files"] == files, name, "the index has not the files that begin in it")
        start = {}
        for member in members:
            if member.offset_data < begin < member.offset_data + member.size:
                start = {"entry": {"path": member.name.removeprefix("./"), "type": "file", "size": member.size,
                                   "mode": member.mode, "target": "", "offset": begin - member.offset_data}}
        need(part["start"] == start, name, f"the index has it start with {part['start']}, not {start}")

    def combine(self):
        parent = Backup(self.bucket, self.source, self.manifest["parent"], f"{self.out}/parent").decode()
        for path in self.files:
            folder, name = os.path.split(path)
            if name.startswith("INCREMENTAL."):
                self.combine_file(path, os.path.join(folder, name.removeprefix("INCREMENTAL.")), f"{parent.out}/data")
        label = Path(self.out, "data/backup_label")
        lines = label.read_bytes().splitlines(keepends=True)
        label.write_bytes(b"".join(line for line in lines if not line.startswith(b"INCREMENTAL FROM ")))

    def combine_file(self, incremental, path, parent):
        size, name, data = self.manifest["server"]["blockSize"], f"{self.folder}: {incremental}", f"{self.out}/data"
        old = Path(parent, path).read_bytes()
        with open(f"{data}/{incremental}", "rb") as changes, open(f"{data}/{path}", "xb") as file:
            magic, count, truncation = struct.unpack("<3I", changes.read(12))
            need(magic == 0xD3AE1F0D, name, "is no incremental file")
            blocks = list(struct.unpack(f"<{count}I", changes.read(4 * count)))
            need(blocks == sorted(set(blocks)), name, "its blocks are not in increasing order")
            padding = changes.read(-changes.tell() % size if count else 0)
            need(not padding.strip(b"\0"), name, "its padding is not zeros")
            file.write(old[:truncation * size])
            for block in blocks:
                file.seek(block * size)
                need(file.write(changes.read(size)) == size, name, "is cut")
            need(changes.read(1) == b"", name, "goes on after its last block")
            file.truncate(max(truncation, blocks[-1] + 1 if blocks else 0) * size)
        os.remove(f"{data}/{incremental}")

class Dump:
    def __init__(self, bucket, source, dump, out):
        self.bucket, self.source, self.id, self.out = bucket, source, dump, out
        self.folder = f"{source}/dumps/{dump}"
        os.makedirs(out)

    def decode(self):
        name = f"{self.folder}/manifest.json"
        manifest = parse_json(self.bucket.get(name), name)
        check(manifest, DUMP | {"source": self.source, "dump": self.id, "kind": self.id.rpartition("-")[2]}, name)
        databases, objects = manifest["databases"], [manifest["globals"]]
        for database in databases:
            check(database, DATABASE | (LOCALE if "locale" in database else {}), name)
            objects += database["parts"]
        for field in "rawBytes", "storedBytes":
            need(manifest[field] == sum(each[field] for each in objects), name, f"{field} is no sum")
        encryption, self.cipher, self.data_key = manifest["encryption"], "none", None
        if encryption:
            check(encryption, {"cipher": CIPHER, "key": dict}, name)
            self.cipher, self.data_key = CIPHER, self.bucket.unwrap(encryption["key"], f"{self.source}/{self.id}", name)
        Path(self.out, "globals.sql").write_bytes(self.read(manifest["globals"], kind="globals"))
        for place, database in enumerate(databases):
            self.decode_database(place, database)
            print(f"{place:04}", database["name"])

    def decode_database(self, place, database):
        digest, size, target = hashlib.sha256(), 0, f"{place:04}.dump"
        with open(f"{self.out}/{target}", "xb") as file:
            for number, part in enumerate(database["parts"]):
                name = f"{self.folder}/{target}.{number:06}"
                check(part, DUMP_PART | {"name": f"{target}.{number:06}"}, name)
                raw = self.read(part, kind="dump", database=place, part=number)
                need(len(raw) == 256 * MIB or part is database["parts"][-1], name, f"has {len(raw)} raw bytes")
                digest.update(raw)
                size += file.write(raw)
        same = (size, digest.hexdigest()) == (database["rawBytes"], database["sha256"])
        need(same, f"{self.folder}/{target}", "its raw bytes are not those of the manifest")

    def read(self, entry, **expected):
        name = f"{self.folder}/{entry['name']}"
        body = self.bucket.get(name)
        same = (len(body), hashlib.sha256(body).hexdigest()) == (entry["storedBytes"], entry["sha256"])
        need(same, name, "has not the length and SHA-256 of the manifest")
        shape = {"cipher": self.cipher, "source": self.source, "dump": self.id, **expected}
        raw = self.bucket.read_container(name, body, shape, self.data_key)[1]
        need(len(raw) == entry["rawBytes"], name, f"has {len(raw)} raw bytes")
        return raw

class Wal:
    def __init__(self, bucket, source, system_id, out):
        self.bucket, self.source, self.system_id, self.out = bucket, source, system_id, out
        self.folder = f"{source}/wal/{system_id}"
        os.makedirs(out)

    def decode(self):
        root = Path(self.bucket.folder, path_of(f"{self.folder}/x")).parent
        keys = sorted(str(path.relative_to(root)).removesuffix("%") for path in root.rglob("*") if path.is_file())
        for target, same in itertools.groupby(keys, lambda key: re.sub(r"\.[0-9A-F]{8}-[0-9A-F]{8}$", "", key)):
            together = bytearray()
            for begin, raw, size, name in sorted(self.decode_object(key, f"{self.folder}/{key}") for key in same):
                if begin > len(together):
                    break
                shared = min(len(together) - begin, len(raw))
                need(together[begin:begin + shared] == raw[:shared], name, "differs from what it overlaps")
                together += raw[shared:]
            if together:
                print(os.path.basename(target), len(together))
                Path(self.out, os.path.basename(target)).write_bytes(together.ljust(size, b"\0"))

    def decode_object(self, key, name):
        """Where in its file it begins, its raw bytes, the file's size, the object's name."""
        pattern = r"([0-9A-F]{8})(\.history|/(\1[0-9A-F]{16})(\.partial|\.([0-9A-F]{8})-([0-9A-F]{8}))?)"
        found = re.fullmatch(pattern, key)
        need(found, name, "is no key of WAL")
        timeline, _, segment, suffix, begin, end = found.groups()
        shape = {"source": self.source, "systemId": self.system_id, "timeline": int(timeline, 16), "time": TIME}
        shape |= {"kind": "wal", "start": LSN, "end": LSN, "segmentSize": int} if segment else {"kind": "history"}
        shape |= {"partial": True} if suffix == ".partial" else {}
        header, raw, _ = self.bucket.read_container(name, self.bucket.get(name), shape, key_context=self.folder)
        if not segment:
            return 0, raw, len(raw), name
        size = header["segmentSize"]
        first = (int(segment[8:16], 16) << 32) + int(segment[16:], 16) * size
        start, stop = (int(begin, 16), int(end, 16)) if begin else (0, size)
        lsns = [f"{at >> 32:X}/{at & 0xFFFFFFFF:X}" for at in (first + start, first + stop)]
        need([header["start"], header["end"]] == lsns and stop <= size, name, f"its header does not say {lsns}")
        need(0 < len(raw) == stop - start, name, f"has {len(raw)} raw bytes")
        need(begin or size <= 64 * MIB, name, "is stored whole")
        return start, raw, size, name

def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n", 1)[1])
    parser.add_argument("--wal", action="store_true")
    parser.add_argument("--dump", action="store_true")
    parser.add_argument("--key-file")
    parser.add_argument("--kms", action="store_true")
    for name in "bucket", "source", "id", "out":
        parser.add_argument(name)
    given = parser.parse_args()
    bucket = Bucket(given.bucket, given.key_file, given.kms)
    (Wal if given.wal else Dump if given.dump else Backup)(bucket, given.source, given.id, given.out).decode()

main()
