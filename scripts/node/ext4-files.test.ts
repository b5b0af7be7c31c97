import { describe, expect, test } from 'vitest';
import { parseListing, parseTimes } from './ext4-files.ts';

describe('a listing of debugfs', () => {
  test('kinds, rights and sizes', () => {
    expect(parseListing('/2/040755/0/0/.//\n/2/040755/0/0/..//\n/12/040755/0/0/d//\n/13/100644/0/42/a b/6/\n/14/120777/0/0/l/2/\n/15/104755/0/0/su/7/\n/16/020600/0/5/tty/0/\n\n')).toEqual([
      { name: 'd', inode: 12, kind: 'folder', rights: '0755 0 0', size: 0 },
      { name: 'a b', inode: 13, kind: 'file', rights: '0644 0 42', size: 6 },
      { name: 'l', inode: 14, kind: 'link', rights: '0777 0 0', size: 2 },
      { name: 'su', inode: 15, kind: 'file', rights: '4755 0 0', size: 7 },
      { name: 'tty', inode: 16, kind: 'character device', rights: '0600 0 5', size: 0 },
    ]);
  });
  test('a name may have a line\'s end in it; what is deleted is no entry', () => {
    expect(parseListing('/12/100644/0/0/new\nline/1/\n/0/000000/0/0/gone/0/\n').map(({ name }) => name)).toEqual(['new\nline']);
  });
});

test('the times of an inode, of large inodes and of small ones', () => {
  expect(parseTimes('Inode: 13   Type: regular\n ctime: 0x6b01e36b:00000001 -- Sat Nov 21\n atime: 0x1:0 -- x\n mtime: 0x6b01e36a:0000000a -- Sat\ncrtime: 0x5:6 -- Sat\n')).toEqual({ contents: '0x6b01e36a:0000000a', inode: '0x6b01e36b:00000001' });
  expect(parseTimes('ctime: 0x6b01e36b -- Sat\nmtime: 0x6b01e36a -- Sat\n')).toEqual({ contents: '0x6b01e36a', inode: '0x6b01e36b' });
  expect(parseTimes('stat: File not found by ext2_lookup')).toBeUndefined();
});
