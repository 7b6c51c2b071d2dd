import unicodedata

import pytest

from tf_audio_gan import Sounds


def names(sounds):
    return {clip.path: sounds.label_names[clip.label] for clip in sounds.clips}


def test_by_folder(write, tmp_path):
    for name in ("kick/a.wav", "kick/deep/b.wav", "snare/c.wav"):
        write(name)
    sounds = Sounds(tmp_path / "sounds", labels="folder")
    assert sounds.label_names == ["kick", "snare"]
    assert names(sounds) == {"kick/a.wav": "kick", "kick/deep/b.wav": "kick", "snare/c.wav": "snare"}
    write("d.wav")
    with pytest.raises(ValueError, match="1 sounds have no label: d.wav; labels='folder' needs every sound"):
        Sounds(tmp_path / "sounds", labels="folder")


def test_by_prefix(write, tmp_path):
    for name in ("Seven_ab_0.wav", "x/One_cd.wav", "Seven_ef.wav"):
        write(name)
    sounds = Sounds(tmp_path / "sounds", labels="prefix")
    assert names(sounds) == {"Seven_ab_0.wav": "Seven", "Seven_ef.wav": "Seven", "x/One_cd.wav": "One"}
    for i in range(7):
        write(f"plain{i}.wav")
    with pytest.raises(ValueError, match="7 sounds have no label: plain0.wav.* and 2 more; labels='prefix' needs"):
        Sounds(tmp_path / "sounds", labels="prefix")


def test_by_table(write, tmp_path):
    write("a.wav")
    write("b/é.wav")
    table = tmp_path / "sounds" / "labels.csv"
    composed = unicodedata.normalize("NFD", "b/é.wav")
    table.write_text(f"label,path\ndog,./a.wav\ncat,{composed}\nowl,absent.wav\n", encoding="utf-8-sig")
    sounds = Sounds(tmp_path / "sounds", labels=str(table))
    assert names(sounds) == {"a.wav": "dog", "b/é.wav": "cat"} and sounds.label_names == ["cat", "dog"]
    write("c.wav")
    with pytest.raises(ValueError, match="1 sounds have no label: c.wav; add a row for each of them to .*labels.csv"):
        Sounds(tmp_path / "sounds", labels=str(table))
    table.write_text("file,label\na.wav,dog\n")
    with pytest.raises(ValueError, match=r"labels.csv has no column path; its columns are \['file', 'label'\]"):
        Sounds(tmp_path / "sounds", labels=str(table))
    with pytest.raises(FileNotFoundError, match="no label table at .*nothing.csv"):
        Sounds(tmp_path / "sounds", labels=str(tmp_path / "nothing.csv"))


def test_skipped_sounds_need_no_label(write, tmp_path):
    write("kick/a.wav")
    (tmp_path / "sounds" / "broken.wav").write_bytes(b"RIFF")
    sounds = Sounds(tmp_path / "sounds", labels="folder")
    assert sounds.label_names == ["kick"] and len(sounds.skipped) == 1
